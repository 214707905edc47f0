// The `godwit` command: parses the arguments and runs one verb.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "base/error.h"

namespace godwit::cli {

// What runs in an image where the spec does not say it.
struct ImageDefaults {
  std::vector<std::string> argv;
  std::vector<std::string> env;  // "NAME=value".
  std::string cwd = "/";
  std::uint32_t uid = 0, gid = 0;
};

// A verb that runs on this host. It gets the words after its name and ends with the status.
struct Local {
  std::string name, help;
  std::function<int(const std::vector<std::string>& words)> run;
};

struct Program {
  std::string version;
  std::vector<Local> locals;
  // From the store of base images in directory `store`; may be empty.
  std::function<Result<ImageDefaults>(const std::string& store, const std::string& sha256)>
      image_defaults;
};

// `args` without the program's name. Never throws; the status is exit_status.h's.
int run(const Program& program, const std::vector<std::string>& args, std::istream& in,
        std::ostream& out, std::ostream& err);

}  // namespace godwit::cli
