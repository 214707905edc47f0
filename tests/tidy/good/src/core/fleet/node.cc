#include "core/fleet/node.h"
