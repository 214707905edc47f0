#include "cli/show.h"

#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <cctype>
#include <format>

#include "lib/json/json.h"

namespace godwit::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr std::string_view kMoneySuffix = "_micro_usd_per_hour";
constexpr std::size_t kShortImage = 12;

std::string text_of(const Message& message, const FieldDescriptor& field) {
  const auto& get = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return get.GetString(message, &field);
    case FieldDescriptor::CPPTYPE_ENUM:
      return word(get.GetEnum(message, &field)->name());
    case FieldDescriptor::CPPTYPE_BOOL:
      return get.GetBool(message, &field) ? "yes" : "no";
    case FieldDescriptor::CPPTYPE_INT32:
      return std::to_string(get.GetInt32(message, &field));
    case FieldDescriptor::CPPTYPE_INT64:
      return std::to_string(get.GetInt64(message, &field));
    case FieldDescriptor::CPPTYPE_UINT64:
      return std::to_string(get.GetUInt64(message, &field));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return std::format("{:.3f}", get.GetDouble(message, &field));
    default:
      return std::to_string(get.GetUInt32(message, &field));
  }
}

std::string clean(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127; }, '?');
  return text;
}

void print_message(std::ostream& out, const std::string& name, const Message& message, int indent) {
  using google::protobuf::Timestamp;
  const std::string margin(static_cast<std::size_t>(indent), ' ');
  if (message.GetDescriptor() == Timestamp::descriptor()) {
    const auto& time = static_cast<const Timestamp&>(message);
    out << margin << name << ": " << time_text(time) << '\n';
    return;
  }
  out << margin << name << ":\n";
  print_fields(out, message, indent + 2);
}

void print_list(std::ostream& out, const Message& message, const FieldDescriptor& field,
                int indent) {
  const auto& get = *message.GetReflection();
  const std::string margin(static_cast<std::size_t>(indent), ' ');
  if (field.is_map()) {  // Its order is not the same in two runs.
    std::map<std::string, std::string> entries;
    for (int i = 0; i < get.FieldSize(message, &field); ++i) {
      const Message& entry = get.GetRepeatedMessage(message, &field, i);
      const auto& type = *entry.GetDescriptor();
      entries[text_of(entry, *type.FindFieldByNumber(1))] =
          text_of(entry, *type.FindFieldByNumber(2));
    }
    out << margin << field.name() << ":\n";
    for (const auto& [key, value] : entries)
      out << margin << "  " << clean(key) << ": " << clean(value) << '\n';
    return;
  }
  if (field.message_type()) {
    for (int i = 0; i < get.FieldSize(message, &field); ++i)
      print_message(out, std::format("{}[{}]", field.name(), i),
                    get.GetRepeatedMessage(message, &field, i), indent);
    return;
  }
  out << margin << field.name() << ':';
  for (int i = 0; i < get.FieldSize(message, &field); ++i)
    out << ' ' << clean(get.GetRepeatedString(message, &field, i));
  out << '\n';
}

std::string phase_of(const v1::Guest& guest) { return word(v1::Guest::Phase_Name(guest.phase())); }

}  // namespace

std::string word(const std::string& enum_name) {
  std::string text = enum_name;
  std::ranges::transform(text, text.begin(), [](unsigned char c) {
    return c == '_' ? '-' : static_cast<char>(std::tolower(c));
  });
  return text;
}

const Row kGroupHead{"NAME", "COUNT", "RUNNING", "HEALTHY", "IMAGE", "MAX-USD/H"};
const Row kGuestHead{"NAME",  "GROUP",     "PHASE",  "NODE", "ADDRESS",
                     "EPOCH", "CONTAINER", "HEALTH", "USD/H"};
const Row kNodeHead{"NAME",     "PHASE", "AGENT",    "TYPE",  "ZONE",
                    "CAPACITY", "USD/H", "FREE-MIB", "GUESTS"};
const Row kEventHead{"AT", "REASON", "ABOUT", "TEXT"};
const Row kMoveHead{"NUMBER",    "GUEST", "REASON", "FROM",     "TO",
                    "MECHANISM", "STATE", "BYTES",  "TOTAL-MS", "DOWNTIME-MS"};
const Row kIntentHead{"NODE", "KIND", "TYPE", "ZONE", "CAPACITY", "ATTEMPT", "INSTANCE", "WHY"};
const Row kOfferingHead{"TYPE",  "ZONE",       "CAPACITY",        "VCPUS", "MIB",
                        "USD/H", "USD/VCPU-H", "ON-DEMAND-USD/H", "SOUND", "WHY"};

std::string time_text(const google::protobuf::Timestamp& at) {
  return google::protobuf::util::TimeUtil::ToString(at);
}

std::string mechanism(const v1::Move& move) { return move.live() ? "live" : "restart"; }

Row row(const v1::Group& group) {
  const v1::GroupSpec& spec = group.spec();
  return {spec.name(),
          std::to_string(spec.count()),
          std::to_string(group.running()),
          std::to_string(group.healthy()),
          spec.image().substr(0, kShortImage),
          spec.has_maximum_price_micro_usd_per_hour()
              ? dollars(spec.maximum_price_micro_usd_per_hour())
              : "on-demand"};
}

Row row(const v1::Guest& guest) {
  const bool moving = guest.phase() == v1::Guest::MOVING;
  const bool known = guest.has_container();
  const auto share = guest.share_micro_usd_per_hour();
  return {guest.name(),
          guest.group(),
          phase_of(guest),
          moving ? guest.node() + " -> " + guest.moving_to() : guest.node(),
          guest.address(),
          std::format("{}.{}", guest.generation(), guest.hop()),
          known ? word(v1::Container::State_Name(guest.container().state())) : "",
          known ? word(v1::Container::Health_Name(guest.container().health())) : "",
          share ? dollars(share) : ""};
}

Row row(const v1::Node& node) {
  return {node.name(),
          word(v1::Node::Phase_Name(node.phase())),
          node.attached() ? "attached" : "away",
          node.instance_type(),
          node.zone(),
          node.spot() ? "spot" : "on-demand",
          node.rate_micro_usd_per_hour() ? dollars(node.rate_micro_usd_per_hour()) : "",
          node.memory_mib() ? std::to_string(node.memory_mib_free()) : "",
          std::to_string(node.guests_size())};
}

Row row(const v1::Event& event) {
  const std::string& about = !event.guest().empty()  ? event.guest()
                             : !event.node().empty() ? event.node()
                                                     : event.group();
  return {time_text(event.at()), event.reason(), about, event.text()};
}

Row row(const v1::Move& move) {
  return {std::to_string(move.number()),
          move.guest(),
          move.reason(),
          move.source(),
          move.destination(),
          mechanism(move),
          word(v1::Move::State_Name(move.state())),
          std::to_string(move.bytes()),
          move.has_total_ms() ? std::format("{:.1f}", move.total_ms()) : "",
          move.has_downtime_ms() ? std::format("{:.1f}", move.downtime_ms()) : ""};
}

Row row(const v1::Intent& intent) {
  return {intent.node(),
          intent.kind(),
          intent.instance_type(),
          intent.zone(),
          intent.spot() ? "spot" : "on-demand",
          intent.attempt() ? std::to_string(intent.attempt()) : "",
          intent.instance(),
          intent.why()};
}

Row row(const v1::Offering& offering) {
  const auto rate = offering.rate_micro_usd_per_hour();
  const std::int64_t vcpus = offering.vcpus();
  return {offering.instance_type(),
          offering.zone(),
          offering.spot() ? "spot" : "on-demand",
          std::to_string(vcpus),
          std::to_string(offering.memory_mib()),
          dollars(rate),
          vcpus ? dollars((rate + vcpus / 2) / vcpus) : "",
          dollars(offering.on_demand_micro_usd_per_hour()),
          offering.sound() ? "yes" : "no",
          offering.why()};
}

std::string json(const Message& message, bool one_line) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = !one_line;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string text;
  (void)google::protobuf::util::MessageToJsonString(message, &text, options);
  if (text.empty() || text.back() != '\n') text += '\n';
  return text;
}

std::string json_with_text(const Message& message) {
  auto value = json::parse(json(message, true));
  if (!value) return json(message, true);
  const auto& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.type() != FieldDescriptor::TYPE_BYTES || field.is_repeated()) continue;
    const std::string bytes = message.GetReflection()->GetString(message, &field);
    const bool text = is_utf8(bytes);
    if (text) value->set(field.name(), bytes);
    value->set(field.name() + "_is_base64", !text);
  }
  return value->dump() + "\n";
}

void print_fields(std::ostream& out, const Message& message, int indent) {
  const auto& get = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  get.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->is_repeated()) {
      print_list(out, message, *field, indent);
    } else if (field->message_type()) {
      print_message(out, field->name(), get.GetMessage(message, field), indent);
    } else {
      std::string name = field->name(), value = clean(text_of(message, *field));
      if (name.ends_with(kMoneySuffix)) {
        name.replace(name.size() - kMoneySuffix.size(), kMoneySuffix.size(), "_usd_per_hour");
        value = dollars(get.GetInt64(message, field));
      }
      out << std::string(static_cast<std::size_t>(indent), ' ') << name << ": " << value << '\n';
    }
  }
}

}  // namespace godwit::cli
