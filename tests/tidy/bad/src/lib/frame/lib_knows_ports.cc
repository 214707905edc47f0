#include "ports/door.h"
