// The `godwit` command: parses the arguments and runs one verb. The command line is wholly here;
// what runs on this host and is no client of the control plane is given as functions.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "base/error.h"
#include "lib/json/json.h"

namespace godwit::cli {

// What runs in an image where the spec does not say it.
struct ImageDefaults {
  std::vector<std::string> argv;
  std::vector<std::string> env;  // "NAME=value".
  std::string cwd = "/";
  std::uint32_t uid = 0, gid = 0;
};

struct UpFlags {
  std::string dir;  // Empty: the user's default.
  std::string market = "aws-2021";
  bool json = false;        // Say where everything is in JSON.
  bool foreground = false;  // Stay, and end it all at SIGINT or SIGTERM.
};

// Exactly one is not empty.
struct AgentFlags {
  std::string config;  // A node's configuration.
  std::string join;    // A join file: first become a node with its token.
};

struct ImportFlags {
  std::string path, store;
  std::string tag;  // Empty: the archive has one image only.
};

// What runs on this host; all are set. Those that return int write to stdout and stderr themselves
// and return the exit status; of the others, the caller prints the outcome.
struct HostVerbs {
  std::function<int(const UpFlags& flags)> up;
  std::function<int(const std::string& dir)> down;  // Empty: the user's default.
  std::function<int(const AgentFlags& flags)> agent;
  // By the path of a configuration file.
  std::function<int(const std::string& config)> serve, gateway, cloud;
  // One command of the operator of a local cloud over its admin socket, "" the default one. Request
  // and answer are those of localcloud/admin.h, refusals too; an Error: no cloud has answered.
  std::function<Result<json::Value>(const std::string& socket, const json::Value& request)>
      ask_cloud;
  // The base image's sha256.
  std::function<Result<std::string>(const ImportFlags& flags)> import_image;
};

struct Program {
  std::string version;
  HostVerbs host;
  // From the store of base images in directory `store`; may be empty.
  std::function<Result<ImageDefaults>(const std::string& store, const std::string& sha256)>
      image_defaults;
};

// `args` without the program's name. Never throws; the status is exit_status.h's.
int run(const Program& program, const std::vector<std::string>& args, std::istream& in,
        std::ostream& out, std::ostream& err);

}  // namespace godwit::cli
