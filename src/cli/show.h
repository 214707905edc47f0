// Objects of the API as text; only for this folder's .cc files (it includes protobuf's classes).
#pragma once

#include <ostream>
#include <string>

#include "cli/table.h"
#include "godwit/v1/services.pb.h"

namespace godwit::cli {

extern const Row kGroupHead, kGuestHead, kNodeHead, kEventHead, kMoveHead, kOfferingHead,
    kIntentHead;
Row row(const v1::Group& group);
Row row(const v1::Guest& guest);
Row row(const v1::Node& node);
Row row(const v1::Event& event);
Row row(const v1::Move& move);
Row row(const v1::Offering& offering);
Row row(const v1::Intent& intent);

// A plan as tables: guests that would be elsewhere, nodes that change, and by what it was decided.
void print_plan(std::ostream& out, const v1::Plan& plan);

std::string time_text(const google::protobuf::Timestamp& at);
std::string mechanism(const v1::Move& move);  // live or restart.

// JSON by protobuf's mapping, with the names of the .proto files and all plain fields.
std::string json(const google::protobuf::Message& message, bool one_line = false);

// The same on one line, with `bytes` fields as the text they are; one that is not UTF-8 stays
// base64 and has FIELD_is_base64 true beside it. Fields are in order of their names.
std::string json_with_text(const google::protobuf::Message& message);

// "field: value" lines, indented by depth; fields that are not set are left out.
void print_fields(std::ostream& out, const google::protobuf::Message& message, int indent = 0);

// An enumeration's value as spec files write it, "on-demand".
std::string word(const std::string& enum_name);

}  // namespace godwit::cli
