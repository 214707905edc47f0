// Lines from QEMU, or from whoever took its place.
#include "base/fuzz.h"
#include "edges/qemu/qmp.h"

namespace godwit::fuzz {

Corpus corpus() {
  return {
      .seeds = {R"({"QMP":{"version":{"qemu":{"micro":13,"minor":0,"major":10},"package":""},)"
                R"("capabilities":["oob"]}})",
                R"({"return":{"status":"running","running":true},"id":7})",
                R"({"id":8,"error":{"class":"DeviceNotFound","desc":"Device 'x' not found"}})",
                R"({"timestamp":{"seconds":1732424727,"microseconds":999999},"event":"MIGRATION",)"
                R"("data":{"status":"pre-switchover"}})"}};
}

bool try_input(std::string_view input) {
  const auto message = qemu::parse_qmp(input);
  if (!message) return refused(message.error());
  if (const auto* event = std::get_if<qemu::QmpEvent>(&*message)) CHECK(event->at >= Time{});
  if (const auto* answer = std::get_if<qemu::QmpAnswer>(&*message); answer && !answer->result)
    explained(answer->result.error());
  return true;
}

}  // namespace godwit::fuzz
