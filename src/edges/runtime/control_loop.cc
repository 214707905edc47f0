#include "edges/runtime/control_loop.h"

#include <algorithm>
#include <format>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/check.h"

namespace godwit::runtime {

ControlLoop::ControlLoop(io::Loop& loop, control::Control& control, ports::Store& store,
                         std::function<Time()> clock, std::function<void(const std::string&)> log)
    : loop_(loop),
      control_(control),
      store_(store),
      clock_(std::move(clock)),
      log_(std::move(log)),
      solver_([this](control::Solved solved) { offer(control::Event{std::move(solved)}); }) {}

Status ControlLoop::start() {
  CHECK(mailer_ != nullptr);
  ASSIGN_OR_RETURN(const ports::Rows rows, store_.load());
  version_ = rows.version;
  carry_out(control_.restart(rows, clock_()));
  return {};
}

void ControlLoop::offer(ports::Message message) { offer(control::Event{std::move(message)}); }

void ControlLoop::offer(ports::Request request) { offer(control::Event{std::move(request)}); }

void ControlLoop::offer(ports::CloudEvent event) { offer(control::Event{std::move(event)}); }

void ControlLoop::offer(control::Event event) {
  loop_.post([this, event = std::move(event)] { (void)ask(event); });  // A refusal is in the log.
}

Result<std::vector<control::Refused>> ControlLoop::ask(const control::Event& event) {
  if (exit_code_ != 0) return unavailable("the control plane is ending");
  std::vector<control::Refused> refused = carry_out(control_.on(event, clock_()));
  if (exit_code_ != 0) return unavailable("the control plane is ending");
  return refused;
}

std::vector<control::Refused> ControlLoop::carry_out(const control::Step& step) {
  std::vector<control::Refused> refused;
  if (gate_) gate_(step, Moment::kBefore);
  if (const Status done = commit(step); !done) {
    log_(to_string(done.error()));
    exit_code_ = done.error().code == Code::kAborted ? kStoreLost : kStoreFailed;
    loop_.stop();
    return refused;
  }
  if (gate_) gate_(step, Moment::kWritten);
  for (const control::Command& command : step.commands) {
    std::visit(
        [&]<class T>(const T& c) {
          if constexpr (std::is_same_v<T, control::Mail>) {
            mailer_->send(c.message);
          } else if constexpr (std::is_same_v<T, control::Note>) {
            log_(std::format("{}: {}", c.guest.value, c.text));
          } else if constexpr (std::is_same_v<T, control::Reply>) {
            if (answerer_) answerer_->answer(c.request, c.answer);
          } else if constexpr (std::is_same_v<T, control::NodeNote>) {
            log_(std::format("{}: {}", c.node.value.empty() ? "fleet" : c.node.value, c.text));
          } else if constexpr (std::is_same_v<T, control::Solve>) {
            solver_.submit(c);
          } else if constexpr (std::is_same_v<T, control::AskCloud>) {
            if (cloud_) cloud_->submit(c.number, c.what);
          } else if constexpr (std::is_same_v<T, control::Publish>) {
            if (publisher_) publisher_->publish(c.change);
          } else {
            static_assert(std::is_same_v<T, control::Refused>);
            log_(std::format("{}: refused: {}", c.guest.value, c.why));
            refused.push_back(c);
          }
        },
        command);
  }
  if (gate_) gate_(step, Moment::kSent);
  wake_at(step.wake);
  return refused;
}

Status ControlLoop::commit(const control::Step& step) {
  if (step.writes.empty()) return {};
  TRY(store_.commit(version_, step.writes));
  ++version_;
  return {};
}

void ControlLoop::wake_at(std::optional<Time> when) {
  if (!when || (wake_ && *wake_ <= *when)) return;
  wake_ = when;
  const Duration delay = std::max(Duration{0}, *when - clock_());
  loop_.after(delay, [this, when] {
    if (wake_ != when) return;  // An earlier one was set since.
    wake_.reset();
    (void)ask(control::Woken{});  // A failed commit has stopped the loop.
  });
}

}  // namespace godwit::runtime
