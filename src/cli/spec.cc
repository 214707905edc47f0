#include "cli/spec.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <charconv>
#include <format>
#include <numeric>

#include "cli/table.h"
#include "godwit/v1/group.pb.h"

namespace godwit::cli {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using yaml::Kind;
using yaml::Node;

constexpr std::string_view kMoneySuffix = "_micro_usd_per_hour";

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t corner = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t above = row[j + 1];
      row[j + 1] = std::min({above + 1, row[j] + 1, corner + (a[i] == b[j] ? 0 : 1)});
      corner = above;
    }
  }
  return row.back();
}

std::string spec_key(const FieldDescriptor& field) {
  std::string name = field.name();
  if (name.ends_with(kMoneySuffix)) name.resize(name.size() - kMoneySuffix.size());
  return name;
}

class Reader {
 public:
  explicit Reader(SpecPlaces& places) : places_(places) {}

  Status read_message(const Node& node, const std::string& path, Message& into) {
    if (node.kind != Kind::kMapping)
      return wrong(node, path.empty() ? "spec" : path, "is no mapping", "write KEY: VALUE lines");
    for (const auto& [key, value] : node.entries) {
      const std::string here = path.empty() ? key.text : path + "." + key.text;
      const FieldDescriptor* field = find(*into.GetDescriptor(), key.text);
      if (!field) return unknown(key, here, *into.GetDescriptor());
      places_.fields[here] = value.at;
      if (value.kind == Kind::kNull)
        return wrong(value, here, "has no value", "give it one, or leave it out");
      TRY(read_field(value, here, *field, into));
    }
    return {};
  }

 private:
  std::unexpected<Error> wrong(const Node& node, const std::string& path, std::string_view what,
                               std::string_view fix) const {
    return invalid(std::format("{}:{}:{}: {}: {}: {}", places_.file, node.at.line, node.at.column,
                               path, what, fix));
  }

  static const FieldDescriptor* find(const google::protobuf::Descriptor& type,
                                     const std::string& key) {
    for (int i = 0; i < type.field_count(); ++i)
      if (spec_key(*type.field(i)) == key) return type.field(i);
    return nullptr;
  }

  std::unexpected<Error> unknown(const Node& key, const std::string& path,
                                 const google::protobuf::Descriptor& type) const {
    std::string nearest, all;
    std::size_t best = 1 + key.text.size() / 2;
    for (int i = 0; i < type.field_count(); ++i) {
      const std::string name = spec_key(*type.field(i));
      all += (i ? ", " : "") + name;
      if (const auto distance = edit_distance(key.text, name); distance < best) {
        best = distance;
        nearest = name;
      }
    }
    return wrong(key, path, "is not known",
                 nearest.empty() ? "use one of " + all : "did you mean " + nearest + "?");
  }

  Status read_field(const Node& node, const std::string& path, const FieldDescriptor& field,
                    Message& into) {
    if (field.is_map()) return read_map(node, path, field, into);
    if (!field.is_repeated()) return read_one(node, path, field, into);
    if (node.kind != Kind::kSequence)
      return wrong(node, path, "is no list", "write it as a list, [a, b]");
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      const std::string here = std::format("{}[{}]", path, i);
      places_.fields[here] = node.items[i].at;
      if (field.message_type()) {
        TRY(read_message(node.items[i], here, *into.GetReflection()->AddMessage(&into, &field)));
      } else {
        ASSIGN_OR_RETURN(const auto text, scalar(node.items[i], here));
        into.GetReflection()->AddString(&into, &field, text);
      }
    }
    return {};
  }

  Status read_map(const Node& node, const std::string& path, const FieldDescriptor& field,
                  Message& into) {
    if (node.kind != Kind::kMapping)
      return wrong(node, path, "is no mapping", "write NAME: VALUE lines");
    for (const auto& [key, value] : node.entries) {
      const std::string here = path + "." + key.text;
      places_.fields[here] = value.at;
      ASSIGN_OR_RETURN(const auto text, scalar(value, here));
      Message& entry = *into.GetReflection()->AddMessage(&into, &field);
      const auto& type = *entry.GetDescriptor();
      entry.GetReflection()->SetString(&entry, type.FindFieldByNumber(1), key.text);
      entry.GetReflection()->SetString(&entry, type.FindFieldByNumber(2), text);
    }
    return {};
  }

  Result<std::string> scalar(const Node& node, const std::string& path) const {
    if (node.kind != Kind::kScalar) return wrong(node, path, "is no text", "write one value");
    if (!is_utf8(node.text)) return wrong(node, path, "is not UTF-8", "save the file as UTF-8");
    return node.text;
  }

  Status read_one(const Node& node, const std::string& path, const FieldDescriptor& field,
                  Message& into) {
    const auto& set = *into.GetReflection();
    if (field.message_type()) return read_message(node, path, *set.MutableMessage(&into, &field));
    ASSIGN_OR_RETURN(const auto text, scalar(node, path));
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        set.SetString(&into, &field, text);
        return {};
      case FieldDescriptor::CPPTYPE_ENUM:
        return read_enum(node, path, field, into);
      case FieldDescriptor::CPPTYPE_INT64: {
        const auto micro_usd = parse_dollars(text);
        if (!micro_usd)
          return wrong(node, path, std::format("'{}' is no amount of dollars", text),
                       "write dollars per hour with at most six decimals, 0.012");
        set.SetInt64(&into, &field, *micro_usd);
        return {};
      }
      default: {
        std::uint32_t number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error == std::errc::result_out_of_range)
          return wrong(node, path, std::format("{} is too large", text),
                       "write at most 4294967295");
        if (error != std::errc{} || end != text.data() + text.size())
          return wrong(node, path, std::format("'{}' is no whole number", text), "write digits");
        set.SetUInt32(&into, &field, number);
        return {};
      }
    }
  }

  Status read_enum(const Node& node, const std::string& path, const FieldDescriptor& field,
                   Message& into) const {
    const EnumDescriptor& type = *field.enum_type();
    std::string all;
    for (int i = 1; i < type.value_count(); ++i) {  // 0 stands for "not said".
      std::string word = type.value(i)->name();
      std::ranges::transform(word, word.begin(), [](char c) {
        return c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      });
      if (word == node.text) {
        into.GetReflection()->SetEnum(&into, &field, type.value(i));
        return {};
      }
      all += (i > 1 ? ", " : "") + word;
    }
    return wrong(node, path, std::format("'{}' is not known", node.text), "use one of " + all);
  }

  SpecPlaces& places_;
};

}  // namespace

Error SpecPlaces::locate(Error error) const {
  const std::string field = error.message.substr(0, error.message.find(": "));
  // What is missing as a whole is the file's fault.
  const auto found = fields.find(field);
  const yaml::Place at = found == fields.end() ? start : found->second;
  error.message = std::format("{}:{}:{}: {}", file, at.line, at.column, error.message);
  return error;
}

Result<SpecPlaces> read_spec(const std::string& file, const yaml::Node& document,
                             v1::GroupSpec& spec) {
  SpecPlaces places{.file = file, .start = document.at, .fields = {}};
  spec.Clear();
  TRY(Reader{places}.read_message(document, "", spec));
  return places;
}

Result<std::vector<yaml::Node>> split_specs(const std::string& file, std::string_view text) {
  auto documents = yaml::parse(text);
  if (!documents) return invalid(file + ":" + documents.error().message);
  if (documents->empty()) return invalid(file + ":1:1: no spec in it: write name, image, command");
  return documents;
}

}  // namespace godwit::cli
