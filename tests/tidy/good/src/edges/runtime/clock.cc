// Edges may read clocks and make threads.
#include <spdlog/spdlog.h>

#include <chrono>
#include <thread>

#include "core/fleet/node.h"

void wait_a_little() { std::this_thread::sleep_for(std::chrono::milliseconds(1)); }
