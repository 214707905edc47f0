// godwit-agent, but its script (script.h) can hold it at a row of the ownership table, lose, keep
// and double what comes in, and fail what it asks of its hypervisor. Its QEMUs are real and go on.
// The shipped program has no such thing.
#include <chrono>
#include <cstdio>
#include <list>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "apps/agent_wiring.h"
#include "tests/kills/script.h"

namespace {

using namespace godwit;
using handover::Script;

std::string kind_of(const ports::Body& body) {
  return std::visit(
      []<class T>(const T&) -> std::string {
        if constexpr (std::is_same_v<T, ports::Prepare>) return "Prepare";
        if constexpr (std::is_same_v<T, ports::Ready>) return "Ready";
        if constexpr (std::is_same_v<T, ports::StreamLoaded>) return "StreamLoaded";
        if constexpr (std::is_same_v<T, ports::Cancel>) return "Cancel";
        if constexpr (std::is_same_v<T, ports::Grant>) return "Grant";
        if constexpr (std::is_same_v<T, ports::Ack>) return "Ack";
        if constexpr (std::is_same_v<T, ports::Refuse>) return "Refuse";
        if constexpr (std::is_same_v<T, ports::RouteAt>) return "RouteAt";
        if constexpr (std::is_same_v<T, ports::Take>) return "Take";
        if constexpr (std::is_same_v<T, ports::Report>) return "Report";
        if constexpr (std::is_same_v<T, ports::Not>) return "Not";
        if constexpr (std::is_same_v<T, ports::Pend>) return "Pend";
        return "other";
      },
      body);
}

std::string kind_of(const agent::Event& event) {
  if (const auto* message = std::get_if<ports::Message>(&event)) return kind_of(message->body);
  const auto* answer = std::get_if<ports::HypervisorEvent>(&event);
  if (answer && std::holds_alternative<ports::Completed>(answer->answer)) return "Completed";
  if (answer && std::holds_alternative<ports::Started>(answer->answer)) return "Started";
  if (answer && std::holds_alternative<ports::Failed>(answer->answer)) return "Failed";
  return "other";
}

std::string name_of(const ports::HypervisorCommand& command) {
  return std::visit(
      []<class T>(const T&) -> std::string {
        if constexpr (std::is_same_v<T, ports::Boot>) return "Boot";
        if constexpr (std::is_same_v<T, ports::Run>) return "Run";
        if constexpr (std::is_same_v<T, ports::Send>) return "Send";
        if constexpr (std::is_same_v<T, ports::Resume>) return "Resume";
        return "other";
      },
      command);
}

// The agent's ports with the script in between.
class Wrapped final : public ports::Mailer, public ports::Hypervisor {
 public:
  Wrapped(io::Loop& loop, const runtime::AgentPorts& real, runtime::AgentLoop& turns,
          const Script& script)
      : loop_(loop), real_(real), turns_(turns), script_(script) {
    look();
  }

  void send(ports::Message message) override {
    if (!script_.has("mute " + kind_of(message.body))) real_.mailer.send(std::move(message));
  }
  void submit(const GuestId& guest, ports::HypervisorCommand command) override {
    const std::string name = name_of(command);
    if (!script_.has("fail " + name)) return real_.hypervisor.submit(guest, std::move(command));
    fail(guest, name);
  }

  bool admit(const agent::Event& event) {
    const std::string kind = kind_of(event);
    if (kind == "other") return true;
    if (script_.has("lose " + kind)) return false;
    const auto* answer = std::get_if<ports::HypervisorEvent>(&event);
    if (const std::string late = script_.argument("late " + kind); answer && !late.empty()) {
      fail(answer->guest, late);
      return false;
    }
    for (const char* order : {"keep ", "copy "}) {
      if (!script_.has(order + kind)) continue;
      kept_.push_back({order + kind, event});
      return order == std::string("copy ");
    }
    return true;
  }

 private:
  struct Kept {
    std::string order;
    agent::Event event;
  };
  void fail(const GuestId& guest, const std::string& command) {
    turns_.offer(ports::HypervisorEvent{
        guest, ports::Failed{command, Error{Code::kUnavailable, "as the script says"}}});
  }
  // What was kept comes in when its order is gone, in the order in which it came.
  void look() {
    loop_.after(std::chrono::milliseconds{20}, [this] { look(); });
    for (auto kept = kept_.begin(); kept != kept_.end();) {
      if (script_.has(kept->order)) {
        ++kept;
        continue;
      }
      if (const auto* m = std::get_if<ports::Message>(&kept->event)) turns_.offer(*m);
      if (const auto* a = std::get_if<ports::HypervisorEvent>(&kept->event)) turns_.offer(*a);
      kept = kept_.erase(kept);
    }
  }

  io::Loop& loop_;
  const runtime::AgentPorts real_;
  runtime::AgentLoop& turns_;
  const Script& script_;
  std::list<Kept> kept_;
};

std::vector<std::string> rows_of(const agent::Step& step) {
  std::vector<std::string> rows;
  for (const agent::Command& command : step.commands)
    if (const auto* note = std::get_if<agent::Note>(&command)) rows.push_back(note->text);
  return rows;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 64;
  auto config = apps::load_agent_config(argv[1]);
  if (!config) {
    std::fprintf(stderr, "held_agent: %s\n", to_string(config.error()).c_str());
    return 78;
  }
  config->qemu.alone_max = std::chrono::seconds{8};  // Some cases wait for its end.
  const Script script(argv[1]);
  std::unique_ptr<Wrapped> wrapped;
  const auto wrap = [&](io::Loop& loop, const runtime::AgentPorts& real,
                        runtime::AgentLoop& turns) {
    wrapped = std::make_unique<Wrapped>(loop, real, turns, script);
    runtime::AgentPorts held{*wrapped, real.guests, real.network,   *wrapped,    real.record,
                             nullptr,  nullptr,     real.set_fleet, real.notices};
    held.gate = [&](const agent::Step& step, runtime::Moment moment) {
      if (const auto rows = rows_of(step); !rows.empty())
        script.hold(rows, static_cast<int>(moment));
    };
    held.admit = [&](const agent::Event& event) { return wrapped->admit(event); };
    return held;
  };
  return apps::run_agent(*config, wrap);
}
