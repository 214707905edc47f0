// Spec files: YAML whose keys are the fields of godwit.v1.GroupSpec (api/godwit/v1/group.proto).
// Enumerations are written in lower case with '-'; amounts of money in dollars under the name
// without its unit, `maximum_price: 0.012`. Several groups are several documents.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "lib/yaml/yaml.h"

namespace godwit::v1 {
class GroupSpec;
}

namespace godwit::cli {

// Where the fields of one spec stand, "health.tcp_port", "ports[1].port".
struct SpecPlaces {
  std::string file;
  yaml::Place start;
  std::map<std::string, yaml::Place> fields;

  // An error of the server that begins with a field, "memory_mib: ...", with the place before it.
  Error locate(Error error) const;
};

// InvalidArgument: "FILE:LINE:COLUMN: FIELD: what is wrong: how to fix it".
Result<SpecPlaces> read_spec(const std::string& file, const yaml::Node& document,
                             v1::GroupSpec& spec);

// The documents of a file's text; InvalidArgument as above, also when there is none.
Result<std::vector<yaml::Node>> split_specs(const std::string& file, std::string_view text);

}  // namespace godwit::cli
