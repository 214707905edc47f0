#include "guest/requests.h"

namespace godwit::guest {

void Requests::receive(const frame::Message& message) {
  std::visit(
      [this](const auto& m) {
        if constexpr (requires { on(m); }) on(m);
      },
      message);
}

bool Requests::answered(frame::Id id) {
  const auto found = answers_.find(id);
  if (found == answers_.end()) return false;
  port_.send(found->second);
  return true;
}

void Requests::answer(frame::Id id, frame::Message message) {
  answers_[id] = message;
  order_.push_back(id);
  for (; order_.size() > kKept; order_.pop_front()) answers_.erase(order_.front());
  port_.send(std::move(message));
}

void Requests::on(const frame::Ping& ping) { port_.send(frame::Pong{ping.id, now_us()}); }

void Requests::on(const frame::SetClock& request) {
  if (answered(request.id)) return;
  const bool may_go_back = container_.state().phase == frame::Phase::kNone;
  answer(request.id, world_.set_clock(request, may_go_back));
}

void Requests::on(const frame::Start& request) {
  if (answered(request.id)) return;
  std::string error = world_.broken;
  if (error.empty()) error = container_.start(request, [&] { world_.named(request.hostname); });
  answer(request.id, frame::Reply{request.id, error});
}

void Requests::on(const frame::Exec& request) { execs_.request(request); }

void Requests::on(const frame::Signal& request) {
  if (!answered(request.id))
    answer(request.id, frame::Reply{request.id, container_.signal(request.number)});
}

void Requests::on(const frame::Stop& request) {
  if (!answered(request.id))
    answer(request.id,
           frame::Reply{request.id, container_.stop(std::chrono::milliseconds{request.grace_ms})});
}

void Requests::on(const frame::PowerOff& request) {
  if (answered(request.id)) return;
  answer(request.id, frame::Reply{request.id, ""});
  world_.power_off();
}

void Requests::on(const frame::LogAck& ack) { log_.acknowledge(ack.sequence); }

}  // namespace godwit::guest
