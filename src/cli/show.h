// Objects of the API as text; only for this folder's .cc files (it includes protobuf's classes).
#pragma once

#include <ostream>
#include <string>

#include "cli/table.h"
#include "godwit/v1/services.pb.h"

namespace godwit::cli {

extern const Row kGroupHead, kGuestHead, kNodeHead, kEventHead;
Row row(const v1::Group& group);
Row row(const v1::Guest& guest);
Row row(const v1::Node& node);
Row row(const v1::Event& event);

// JSON by protobuf's mapping, with the names of the .proto files and all plain fields.
std::string json(const google::protobuf::Message& message, bool one_line = false);

// "field: value" lines, indented by depth; fields that are not set are left out.
void print_fields(std::ostream& out, const google::protobuf::Message& message, int indent = 0);

// An enumeration's value as spec files write it, "on-demand".
std::string word(const std::string& enum_name);

}  // namespace godwit::cli
