// Small files of an image, which its maker can have made into anything.
#pragma once

#include <string>

#include "base/error.h"

namespace godwit::oci {

// InvalidArgument: not a regular file, or larger than 16 MiB. NotFound.
Result<std::string> read_text(const std::string& path);

// A file of an unpacked image, through its links as a container would see them; empty if there is
// none.
Result<std::string> read_inside(const std::string& tree, const char* name);

}  // namespace godwit::oci
