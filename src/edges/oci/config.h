// What an image says about its container, and the user it names.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "lib/json/json.h"

namespace godwit::oci {

struct ImageConfig {
  std::vector<std::string> entrypoint, cmd;
  std::vector<std::string> env;  // "NAME=value".
  std::string cwd = "/";
  std::uint32_t uid = 0, gid = 0;
  std::vector<std::uint16_t> ports;  // Exposed over TCP, ascending.
  bool operator==(const ImageConfig&) const = default;
};

struct User {
  std::uint32_t uid = 0, gid = 0;
  bool operator==(const User&) const = default;
};

// `user` is "", "name", "uid", or either with ":group". `passwd` and `group` are the texts of the
// image's own files, empty if it has none. A uid without an entry has the group 0. NotFound: a name
// that is not there.
Result<User> resolve_user(std::string_view user, std::string_view passwd, std::string_view group);

// From the image's configuration blob (application/vnd.oci.image.config.v1+json).
Result<ImageConfig> read_image_config(const json::Value& blob, std::string_view passwd,
                                      std::string_view group);

// image.json, and back.
json::Value to_json(const ImageConfig& config);
Result<ImageConfig> from_json(const json::Value& value);

}  // namespace godwit::oci
