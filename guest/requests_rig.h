// For tests: what serves the requests in a guest, without a port, a clock or a machine behind it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "guest/requests.h"
#include "lib/frame/frame.h"

namespace godwit::guest {

// The container and the execs live as long as the program: their threads do.
class RequestsRig {
 public:
  RequestsRig(Container& container, Execs& execs, std::string broken)
      : container_(container), requests_(port_, log, container, execs, world(std::move(broken))) {
    port_.add_source(execs);
    port_.add_source(log);
  }

  // From the node: as frame number `sequence` of `session`.
  void hear(std::uint64_t session, std::uint64_t sequence, std::string payload) {
    port_.receive(frame::encode({session, sequence, std::move(payload)}));
  }
  void hear(std::string_view bytes) { port_.receive(bytes); }
  void greet(std::uint64_t session) {
    hear(session, 0, frame::encode_message(frame::Hello{.session = session}));
  }

  // All that the guest has to say now. CHECKs that it is whole frames in order, each a message.
  std::vector<frame::Message> said() {
    std::vector<frame::Message> all;
    frame::Decoder decoder;
    for (std::string bytes; !(bytes = port_.to_send()).empty();) {
      for (const frame::Frame& f : decoder.feed(bytes)) {
        if (f.session != session_) sequence_ = 0;
        session_ = f.session;
        const auto message = frame::decode_message(f.payload);
        CHECK(message.has_value());
        if (std::holds_alternative<frame::Welcome>(*message)) sequence_ = 0;
        CHECK(f.sequence == sequence_++);
        all.push_back(*message);
      }
    }
    CHECK(decoder.damaged() == 0);
    return all;
  }

  LogRing log{1 << 20, [] {}};
  std::vector<frame::SetClock> clocks;  // That were set.
  std::vector<std::string> names;
  int power_offs = 0;

 private:
  Requests::World world(std::string broken) {
    return {.broken = std::move(broken),
            .named = [this](const std::string& name) { names.push_back(name); },
            .set_clock =
                [this](const frame::SetClock& request, bool) {
                  clocks.push_back(request);
                  return frame::ClockSet{.id = request.id};
                },
            .power_off = [this] { ++power_offs; }};
  }

  Container& container_;
  Port port_{-1,
             [this] {
               return frame::Welcome{
                   .boot = "boot", .log_first = log.first(), .state = container_.state()};
             },
             [this](const frame::Message& message) { requests_.receive(message); }};
  Requests requests_;
  std::uint64_t session_ = 0, sequence_ = 0;
};

}  // namespace godwit::guest
