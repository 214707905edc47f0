// Rows of the shipped tables at which nobody can be killed, each with its reason: for the tests
// that kill at every other row, on fakes (cluster_test.cc) and on real processes (tests/kills).
#pragma once

#include <map>
#include <string>

namespace godwit::sim {

// `fakes_only`: real processes do take it.
struct NeverTaken {
  const char* why;
  bool fakes_only = false;
};

inline const std::map<std::string, NeverTaken>& never_taken() {
  static constexpr NeverTaken kContradiction{
      "nothing in this protocol leads there; the agent exits and says so"};
  static constexpr NeverTaken kDeletion{
      "deletion: agent_test stops the agent at each moment of it; no control plane here wishes it"};
  static constexpr NeverTaken kVault{
      "a copy that is older than the vault's head: they come with the vault"};
  static const std::map<std::string, NeverTaken> rows{
      {"restart.granted.running", kContradiction},
      {"restart.granted.sending", kContradiction},
      {"restart.holds.incoming", kContradiction},
      {"restart.granted.incoming", kContradiction},
      {"restart.granted.prelaunch", kContradiction},
      {"restart.granted.loaded", kContradiction},
      {"restart.idle.running", kContradiction},
      {"restart.idle.sending", kContradiction},
      {"restart.idle.prelaunch",
       {"a cold start that failed, whose QEMU outlived the agent: the fake leaves none", true}},
      {"forget.any.forget", kDeletion},
      {"forget.any.known", kDeletion},
      {"forget.discarding.discarded", kDeletion},
      {"takeover.spare.take_from_none", kVault},
      {"control.takeover.take_vault", kVault},
  };
  return rows;
}

}  // namespace godwit::sim
