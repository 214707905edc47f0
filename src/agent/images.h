// The images that this node shall have before any guest comes with them: brought one at a time, in
// order, and again with back-off until they are here or no longer wanted. Nothing is removed.
//
// What is here is told to the control plane, which lets guests escape to no node without their
// image. Whether a guest may start is not decided by this list: the edge looks at the bytes.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "agent/config.h"
#include "agent/step.h"

namespace godwit::agent {

class Images {
 public:
  explicit Images(const Config& config) : config_(config) {}

  // The whole list; what was here of it stays so. True: what is here and wanted has changed.
  bool want(const std::set<std::string>& wanted, Time now, Step& step);
  bool on_brought(const ImageBrought& brought, Time now, Step& step);
  void on_time(Time now, Step& step);
  std::optional<Time> wake() const;

  const std::set<std::string>& here() const { return here_; }

 private:
  struct Failure {
    int times = 0;  // In a row.
    Time again{};   // Not before.
  };
  void bring_next(Time now, Step& step);

  const Config& config_;
  std::set<std::string> wanted_, here_;
  std::map<std::string, Failure> failed_;
  std::optional<std::string> under_way_;
};

}  // namespace godwit::agent
