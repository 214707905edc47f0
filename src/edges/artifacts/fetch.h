// Brings files by their hash from an artefact server (server.h) into a directory.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/error.h"
#include "lib/http/client.h"
#include "lib/io/loop.h"

namespace godwit::artifacts {

struct FetchLimits {
  std::uint64_t bytes_max = std::uint64_t{256} << 30;  // Larger than any disk of a node.
  Duration idle = std::chrono::seconds{20};            // Without a byte.
  // A control plane that restarts meanwhile is away for a second or two.
  int tries = 4;
  Duration pause = std::chrono::milliseconds{500};  // Before the second; doubled each time.
};

class Fetcher {
 public:
  // `loop` outlives this, and this the loop's last run. All calls on the loop's thread.
  Fetcher(io::Loop& loop, http::Address server, std::string dir, FetchLimits limits = {})
      : loop_(loop),
        server_(std::move(server)),
        dir_(std::move(dir)),
        limits_(limits),
        ended_(loop) {}
  Fetcher(const Fetcher&) = delete;
  Fetcher& operator=(const Fetcher&) = delete;

  // After success `dir`/HASH has these bytes, whatever was there before; after a failure it is as
  // it was. Whoever asks for a hash that is on its way waits for the same transfer.
  // InvalidArgument: not a hash; FailedPrecondition: the server has no such file, or other bytes;
  // Unavailable: it cannot be reached, or the disk is full.
  io::Task<Status> fetch(std::string sha256);

  std::uint64_t transfers() const { return transfers_; }  // Begun since the start.

 private:
  struct Transfer {
    int waiting = 0;
    std::optional<Status> end;
  };
  io::Task<void> transfer(std::string sha256);
  io::Task<Status> try_once(std::string sha256);

  io::Loop& loop_;
  const http::Address server_;
  const std::string dir_;
  const FetchLimits limits_;
  std::map<std::string, Transfer> under_way_;
  io::Notifier ended_;
  std::uint64_t transfers_ = 0;
};

}  // namespace godwit::artifacts
