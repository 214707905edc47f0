// A spec file: an error names the file and the place in it.
#include "base/fuzz.h"
#include "cli/spec.h"
#include "godwit/v1/group.pb.h"

namespace godwit::fuzz {

Corpus corpus() {
  return {.seeds = {R"(name: web
count: 3
image: 0f0f
command: [nginx, -g, "daemon off;"]
env: {A: b, C: "1"}
memory_mib: 256
vcpus: 1
ports:
  - {port: 80, published: 8080}
maximum_price: 0.012
above_maximum: on-demand
spread: node
egress: gateway
restart: always
health: {tcp_port: 80, interval_ms: 5000}
)",
                    "name: a\nimage: x\nzones: {allow: [us-east-1a], deny: []}\n---\nname: b\n"}};
}

bool try_input(std::string_view input) {
  const auto documents = cli::split_specs("f.yaml", input);
  if (!documents) {
    CHECK(documents.error().message.starts_with("f.yaml:"));
    return refused(documents.error());
  }
  bool sound = true;
  for (const yaml::Node& document : *documents) {
    v1::GroupSpec spec;
    const auto places = cli::read_spec("f.yaml", document, spec);
    if (places) {
      CHECK(spec.IsInitialized());  // What is missing is said by who gets it.
      continue;
    }
    CHECK(places.error().message.starts_with("f.yaml:"));
    sound = refused(places.error());
  }
  return sound;
}

}  // namespace godwit::fuzz
