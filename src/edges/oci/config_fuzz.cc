// What an image says of itself: its configuration, then after NUL bytes its passwd and group.
#include "base/fuzz.h"
#include "edges/oci/config.h"

namespace godwit::fuzz {

Corpus corpus() {
  const std::string blob =
      R"({"architecture":"amd64","config":{"User":"www:web","ExposedPorts":{"80/tcp":{},)"
      R"("53/udp":{}},"Env":["A=b"],"Entrypoint":["/bin/sh","-c"],"Cmd":["x"],"WorkingDir":"/s"}})";
  const std::string files = std::string("\0root:x:0:0:r:/:/bin/sh\nwww:x:33:33::/:\n", 39) +
                            std::string("\0root:x:0:\nweb:x:44:www\n", 24);
  return {.seeds = {blob + files, R"({"config":{"User":"1000:1000"}})",
                    R"({"entrypoint":["a"],"cmd":[],"env":["A=b"],"cwd":"/","uid":1,"gid":2,)"
                    R"("ports":[80,443]})"}};
}

bool try_input(std::string_view input) {
  const auto blob = json::parse(take_until(input, '\0'));
  if (!blob) return refused(blob.error());
  const std::string_view passwd = take_until(input, '\0');
  bool sound = false;
  for (const auto& config : {oci::read_image_config(*blob, passwd, input), oci::from_json(*blob)}) {
    if (!config) {
      explained(config.error());
      continue;
    }
    const auto again = oci::from_json(oci::to_json(*config));
    CHECK(again && *again == *config);
    sound = true;
  }
  return sound;
}

}  // namespace godwit::fuzz
