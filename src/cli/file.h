// Files that a command line names.
#pragma once

#include <optional>
#include <string>

namespace godwit::cli {

// All bytes; nullopt: it cannot be read, a directory for one.
std::optional<std::string> read_text(const std::string& path);

}  // namespace godwit::cli
