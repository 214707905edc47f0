// The newest picture of the living nodes, as one JSON file: an agent that starts while the control
// plane is away knows from it where its guests may go.
#pragma once

#include <string>

#include "base/error.h"
#include "ports/messages.h"

namespace godwit::files {

// Replaces the file as a whole; a crash leaves the old picture or the new one.
Status write_fleet(const std::string& path, const ports::Fleet& fleet);

// NotFound when there is none; DataLoss when it is damaged: the next picture replaces it.
Result<ports::Fleet> read_fleet(const std::string& path);

}  // namespace godwit::files
