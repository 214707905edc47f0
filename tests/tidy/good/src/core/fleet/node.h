// Words in comments are free: a process may handle data, TODO(#12) has its issue, sleep( is text.
#pragma once
#include "base/ids.h"

struct Node {
  const char* text = "std::thread, rand() and process are only text in a string";
  const char* raw = R"(system_clock::now())";
};
