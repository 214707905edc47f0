// The instance metadata service of EC2, version 2 (169.254.169.254), as the port of notices.
// Source: EC2 user guide, "Use the Instance Metadata Service" and "Spot Instance interruption
// notices".
//
//   PUT /latest/api/token                           a token for six hours, taken again in time or
//                                                   when it is refused (401)
//   GET /latest/meta-data/spot/instance-action      404: none
//   GET /latest/meta-data/spot/termination-time     asked after that: older, terminate only
//   GET /latest/dynamic/instance-identity/document, .../instance-life-cycle
//
// Call it inside the network namespace that the service answers in.
#pragma once

#include <optional>
#include <string>

#include "base/time.h"
#include "lib/http/client.h"
#include "lib/io/loop.h"
#include "ports/notices.h"

namespace godwit::ec2 {

// The body of spot/instance-action, or of spot/termination-time. DataLoss: not one. The latter may
// hold text that is no time, which is none.
Result<ports::InterruptionNotice> parse_instance_action(std::string_view body);
// The identity document; life cycle and address are not always in it.
Result<ports::InstanceIdentity> parse_identity(std::string_view document);

struct ImdsConfig {
  http::Address endpoint = {"169.254.169.254", 80};
  // A notice is worth less each second, so one try is short; the agent asks again.
  http::Limits limits = {.body_bytes = 64 * 1024, .idle = std::chrono::seconds{2}};
};

class Imds final : public ports::Notices {
 public:
  // `loop` and `events` outlive this, and this outlives the loop's last run. One thread.
  Imds(io::Loop& loop, ports::EventSink<ports::NoticesEvent>& events, ImdsConfig config)
      : loop_(loop), events_(events), config_(std::move(config)) {}

  void ask_notice() override;
  void ask_identity() override;

 private:
  // The body; NotFound for a 404.
  io::Task<Result<std::string>> get(std::string path);
  io::Task<Result<http::Response>> send(std::string method, std::string path,
                                        http::Headers headers);
  io::Task<Status> take_token();
  io::Task<Result<std::optional<ports::InterruptionNotice>>> notice();
  io::Task<Result<ports::InstanceIdentity>> identity();

  io::Loop& loop_;
  ports::EventSink<ports::NoticesEvent>& events_;
  ImdsConfig config_;
  std::string token_;
};

}  // namespace godwit::ec2
