#include "base/upward.h"
#include "edges/qemu/qmp.h"
