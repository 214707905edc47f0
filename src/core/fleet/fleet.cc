#include "core/fleet/fleet.h"

#include <array>

namespace godwit::fleet {

bool admits(const Choice& choice, const std::string& name) {
  return !choice.deny.contains(name) && (choice.allow.empty() || choice.allow.contains(name));
}

std::string to_string(Reason reason) {
  static constexpr std::array kWords = {"cheaper",   "notice", "max-price", "capacity",
                                        "return",    "drain",  "manual",    "consolidate",
                                        "rebalance", "loss",   "start",     "escape"};
  return kWords[static_cast<std::size_t>(reason)];
}

}  // namespace godwit::fleet
