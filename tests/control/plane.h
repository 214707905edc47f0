// One `godwit-serve` with its state, which survives the process. All calls from one thread.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "lib/json/json.h"
#include "lib/tls/authority.h"
#include "ports/store.h"
#include "tests/handover/rig.h"

namespace godwit::handover {

class Plane {
 public:
  // `program` is the control plane's binary.
  static Result<std::unique_ptr<Plane>> make(const std::string& program);
  ~Plane();

  // The fleet's authority: what issues the agents' certificates.
  const tls::Identity& authority() const { return authority_; }

  Status start(const lab::Lab& lab);  // In the lab's control namespace.
  void kill();                        // SIGKILL, and waits for its end.
  bool runs();

  // One request of the admin door (apps/admin_door.h). Unavailable: nobody answered, so it was done
  // or not.
  Result<json::Value> ask(const json::Value& request) const;
  // Repeats until the plane answers.
  json::Value ask_until(const json::Value& request, std::chrono::seconds limit) const;
  // {"do":"create"} for the rig's machine, first on `node`, allowed on `set`.
  static json::Value create(const ports::MachineRecord& machine, const NodeId& node,
                            const ports::NodeNames& set);

  // What its store holds now, read by ourselves.
  Result<ports::Rows> rows() const;
  std::string log() const;
  std::string config() const { return folder_ + "/serve.json"; }

 private:
  Plane() = default;
  std::string state_dir() const { return folder_ + "/state"; }

  std::string program_, folder_;
  tls::Identity authority_;
  std::optional<pid_t> pid_;
};

}  // namespace godwit::handover
