// The newest picture of the living nodes, as one JSON file: an agent that starts while the control
// plane is away knows from it where its guests may go.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "ports/messages.h"

namespace godwit::files {

// Replaces the file as a whole; a crash leaves the old picture or the new one.
Status write_fleet(const std::string& path, const ports::Fleet& fleet);

// NotFound when there is none; DataLoss when it is damaged: the next picture replaces it.
Result<ports::Fleet> read_fleet(const std::string& path);

// The file's text, and back.
std::string fleet_text(const ports::Fleet& fleet);
Result<ports::Fleet> parse_fleet(std::string_view text);

}  // namespace godwit::files
