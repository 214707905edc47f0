// The stored form of a row: JSON with a member per field. Part of schema 1; a field that a later
// release adds is read as its default from older rows only after a migration says so.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "ports/store.h"

namespace godwit::sqlite {

// InvalidArgument for a row that would not come back as it is: bytes that are not UTF-8, or a size
// of 2^63 or more.
Result<std::string> to_text(const ports::GuestRow& row);
Result<std::string> to_text(const ports::NodeRow& row);

// DataLoss names the first field that is missing or wrong.
Result<ports::GuestRow> parse_guest_row(std::string_view text);
Result<ports::NodeRow> parse_node_row(std::string_view text);

}  // namespace godwit::sqlite
