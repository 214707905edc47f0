#pragma once
#include "ports/door.h"
