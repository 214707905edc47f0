// One guest's line of the record file, as JSON.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/ids.h"
#include "ports/record.h"

namespace godwit::files {

struct RecordLine {
  GuestId guest;
  ports::GuestRecord record;
};

// Without a line break. What is not UTF-8, or a size of 2^63 or more, does not come back as it was.
std::string to_line(const GuestId& guest, const ports::GuestRecord& record);

// DataLoss names the first part that is missing or wrong. A line without a container is one of an
// older agent, or of a guest without one.
Result<RecordLine> parse_line(std::string_view text);

}  // namespace godwit::files
