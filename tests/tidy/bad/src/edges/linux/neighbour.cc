#include "edges/qemu/qmp.h"
