// Whole files in, whole files out.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace godwit::files {

// NotFound when there is none.
Result<std::string> read_file(const std::string& path);

// Writes PATH.new and renames it over `path`, without fsync: a crash leaves the old file or the new
// one. The file is as before whenever this fails.
Status replace_file(const std::string& path, std::string_view text);

}  // namespace godwit::files
