// `godwit serve` that a test can hold inside a step.
#pragma once

#include <string>

namespace godwit::handover {

// As apps::run_serve with the configuration at this path; orders in script.h.
int run_held_serve(const std::string& path);

}  // namespace godwit::handover
