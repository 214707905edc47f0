// What the programs have in common: the one clock, and lines on stderr with its time.
#pragma once

#include <chrono>
#include <cstdio>
#include <format>
#include <string>

#include "base/error.h"
#include "base/time.h"

namespace godwit::apps {

inline Time now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

inline void log(const std::string& line) {
  std::fprintf(stderr, "%s %s\n", std::format("{:%FT%TZ}", now()).c_str(), line.c_str());
}

inline int complain(const Error& error) {
  log(to_string(error));
  return 1;
}

}  // namespace godwit::apps
