// The stored form of a row: JSON with a member per field. Part of the schema; a field that a later
// release adds is in older rows only after a migration has put it there.
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
Result<std::string> to_text(const ports::GroupRow& row);
Result<std::string> to_text(const ports::FleetRow& row);
// Of the journal: text is for people, so whatever is not UTF-8 in it is written as '?'.
Result<std::string> to_text(const ports::EventView& event);
Result<std::string> to_text(const ports::MoveView& move);

// DataLoss names the first field that is missing or wrong.
Result<ports::GuestRow> parse_guest_row(std::string_view text);
Result<ports::NodeRow> parse_node_row(std::string_view text);
Result<ports::GroupRow> parse_group_row(std::string_view text);
Result<ports::FleetRow> parse_fleet_row(std::string_view text);
Result<ports::EventView> parse_event(std::string_view text);
Result<ports::MoveView> parse_move(std::string_view text);

// For migrations: `row` with the members that it lacks taken from `complete`.
Result<std::string> with_defaults(std::string_view row, std::string_view complete);

}  // namespace godwit::sqlite
