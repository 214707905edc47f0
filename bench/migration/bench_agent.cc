// godwit-agent with two ears more. GODWIT_BENCH_STREAM=plain sends memory as QEMU does when told
// nothing (qemu::kPlainStream); GODWIT_BENCH_TIMELINE names a file that gets one line per command
// of a move at the moment it is decided: "<microseconds since the epoch> <bytes that eth0 has sent>
// <name>". The shipped program has no such thing.
#include <cstdio>
#include <cstdlib>
#include <format>
#include <fstream>
#include <string>

#include "apps/agent_wiring.h"
#include "apps/console.h"
#include "bench/migration/timeline.h"

namespace {

using namespace godwit;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// Bytes sent by eth0 of this process's network.
std::uint64_t sent_bytes() {
  std::ifstream in("/proc/net/dev");
  for (std::string line; std::getline(in, line);) {
    unsigned long long sent = 0;
    if (std::sscanf(line.c_str(), " eth0: %*u %*u %*u %*u %*u %*u %*u %*u %llu", &sent) == 1)
      return sent;
  }
  return 0;
}

const char* name_of(const agent::Command& command) {
  namespace moments = bench::moments;
  if (const auto* mail = std::get_if<agent::Mail>(&command)) {
    if (std::holds_alternative<ports::StreamLoaded>(mail->message.body)) return moments::kLoaded;
    if (std::holds_alternative<ports::Grant>(mail->message.body)) return moments::kGrant;
  }
  if (const auto* drive = std::get_if<agent::Drive>(&command)) {
    if (std::holds_alternative<ports::CloseMirror>(drive->command)) return moments::kClose;
    if (std::holds_alternative<ports::Continue>(drive->command)) return moments::kContinue;
    if (std::holds_alternative<ports::Run>(drive->command)) return moments::kRun;
  }
  if (std::holds_alternative<agent::RouteToNode>(command)) return moments::kSwitched;
  return nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 64;
  auto config = apps::load_agent_config(argv[1]);
  if (!config) {
    std::fprintf(stderr, "bench_agent: %s\n", to_string(config.error()).c_str());
    return 78;
  }
  if (variable("GODWIT_BENCH_STREAM") == "plain") config->qemu.stream = qemu::kPlainStream;
  std::ofstream timeline(variable("GODWIT_BENCH_TIMELINE"), std::ios::app);
  return apps::run_agent(
      *config, [&](io::Loop&, const runtime::AgentPorts& real, runtime::AgentLoop&) {
        runtime::AgentPorts heard = real;
        heard.gate = [&](const agent::Step& step, runtime::Moment at) {
          if (at != runtime::Moment::kBefore) return;
          for (const agent::Command& command : step.commands)
            if (const char* name = name_of(command))
              timeline << std::format("{} {} {}\n", apps::now().time_since_epoch().count(),
                                      sent_bytes(), name)
                       << std::flush;
        };
        return heard;
      });
}
