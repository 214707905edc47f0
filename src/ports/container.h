// The one container of a guest: what is started in it, and what becomes of it. It is part of the
// guest, travels with it and is kept in the record beside its machine. Mirrors lib/frame/control.h,
// which is what the init inside the guest understands.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"

namespace godwit::ports {

enum class RestartPolicy { kNever, kOnFailure, kAlways };

struct HealthCheck {
  enum class Kind { kNone, kTcp, kExec };
  Kind kind = Kind::kNone;
  std::uint16_t port = 0;         // kTcp: a connection to it inside the guest succeeds.
  std::vector<std::string> argv;  // kExec: this program, as the container's user, ends with 0.
  std::uint32_t interval_ms = 10'000;
  std::uint32_t timeout_ms = 5'000;
  std::uint32_t failures = 3;  // So many in a row, and the container is unhealthy.
  bool operator==(const HealthCheck&) const = default;
};

// All texts are UTF-8. argv is never empty; argv[0] without a slash is looked up in PATH of env,
// inside the container.
struct Container {
  std::vector<std::string> argv;
  std::vector<std::string> env;  // "NAME=value".
  std::string cwd = "/";
  std::uint32_t uid = 0, gid = 0;
  std::string hostname;
  RestartPolicy restart = RestartPolicy::kNever;
  std::uint32_t backoff_ms = 1'000;  // Doubled at each restart; back to this after a run of 60 s.
  std::uint32_t backoff_max_ms = 60'000;
  HealthCheck health;
  bool operator==(const Container&) const = default;
};

struct Port {
  std::uint16_t port = 0;       // In the guest, TCP.
  std::uint16_t published = 0;  // On the gateway; 0: reached only by other guests.
  bool operator==(const Port&) const = default;
};

// kNone: not started yet; kWaiting: for a restart.
enum class ContainerPhase { kNone, kRunning, kWaiting, kEnded };
enum class Health { kUnknown, kHealthy, kUnhealthy };

// What the guest says of it, told to the control plane at each change and
// whenever the guest was reached anew. Carries no right to run anything.
struct ContainerState {
  ContainerPhase phase = ContainerPhase::kNone;
  std::uint32_t runs = 0;         // How often it was started.
  std::int32_t exit_status = -1;  // Of its last end: 0 to 255, or -1.
  std::int32_t signal = 0;        // That ended it, or 0.
  Health health = Health::kUnknown;
  std::string why;  // The last failed start or health check.
  bool operator==(const ContainerState&) const = default;
};

// Lines of a container's output, numbered from 1 over its whole life. A gap in the numbers is lost
// lines (a full disk drops the oldest).
struct LogLine {
  std::uint64_t number = 0;
  Time at{};  // By the guest's clock.
  bool err = false;
  std::string text;  // As the container wrote it: any bytes.
  bool operator==(const LogLine&) const = default;
};

}  // namespace godwit::ports
