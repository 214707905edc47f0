// The lowest room.
#pragma once
#include <string>
