// The fake keeps the port's contract.
#include "ports/fake_guest_control.h"

#include <array>

#include "ports/guest_control_contract.h"

namespace godwit::ports {
namespace {

struct Answers final : EventSink<GuestEvent> {
  std::deque<GuestAnswer> answers;
  void offer(GuestEvent event) override { answers.push_back(std::move(event.answer)); }
};

class FakeRig {
 public:
  GuestControl& node(int n) { return nodes_[at(n)]; }
  NodeId name(int n) const { return {std::format("n{}", n)}; }
  std::optional<GuestAnswer> next(int n) {
    auto& answers = sinks_[at(n)].answers;
    while (answers.empty())
      if (!nodes_[0].deliver(guest_) && !nodes_[1].deliver(guest_)) return std::nullopt;
    GuestAnswer answer = std::move(answers.front());
    answers.pop_front();
    return answer;
  }
  void settle() {
    while (nodes_[0].deliver(guest_) || nodes_[1].deliver(guest_)) continue;
  }
  void print(int lines) { inside().printed += static_cast<std::uint64_t>(lines); }
  void fall_behind(Duration by) { inside().behind += by; }
  void move() { inside().behind += std::chrono::milliseconds{100}; }
  std::vector<std::uint64_t> log(int n) {
    const auto lines = nodes_[at(n)].log(guest_);
    return {lines.begin(), lines.end()};
  }
  void restart_agent(int n) {
    nodes_[at(n)].forget();
    sinks_[at(n)].answers.clear();
  }

 private:
  static std::size_t at(int n) { return static_cast<std::size_t>(n); }
  FakeInsides::Inside& inside() { return insides_.guests[guest_]; }

  const GuestId guest_{"g1"};
  FakeInsides insides_;
  std::array<Answers, 2> sinks_;
  std::array<FakeGuestControl, 2> nodes_{FakeGuestControl{name(0), insides_, sinks_[0]},
                                         FakeGuestControl{name(1), insides_, sinks_[1]}};
};

INSTANTIATE_TYPED_TEST_SUITE_P(Fake, GuestControlContract, FakeRig);

}  // namespace
}  // namespace godwit::ports
