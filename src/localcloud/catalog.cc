#include "localcloud/catalog.h"

#include <algorithm>
#include <charconv>

#include "localcloud/text.h"

namespace godwit::localcloud {
namespace {

// AWS's short form of a region, the beginning of its zone ids: us-east-1 is use1.
std::string short_region(std::string_view region) {
  constexpr std::pair<std::string_view, std::string_view> kWords[] = {
      {"northeast", "ne"}, {"northwest", "nw"}, {"southeast", "se"},
      {"southwest", "sw"}, {"north", "n"},      {"south", "s"},
      {"east", "e"},       {"west", "w"},       {"central", "c"}};
  std::string out;
  for (const std::string_view word : split(region, '-')) {
    const auto* const found =
        std::ranges::find(kWords, word, [](const auto& p) { return p.first; });
    out += found == std::end(kWords) ? word : found->second;
  }
  return out;
}

}  // namespace

const InstanceType* Catalog::type(std::string_view name) const {
  const auto at = types.find(std::string(name));
  return at == types.end() ? nullptr : &at->second;
}

bool Catalog::has_zone(std::string_view name) const { return std::ranges::contains(zones, name); }

std::string Catalog::zone_id(std::string_view zone) const {
  const auto at = std::ranges::find(zones, zone) - zones.begin();
  return std::format("{}-az{}", short_region(region), at + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = std::min(text.find(separator), text.size());
    parts.push_back(text.substr(0, end));
    if (end == text.size()) return parts;
    text.remove_prefix(end + 1);
  }
}

Result<std::map<std::string, InstanceType>> parse_types(std::string_view csv) {
  std::map<std::string, InstanceType> types;
  bool is_header = true;
  for (std::string_view line : split(csv, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (std::exchange(is_header, false) || line.empty()) continue;
    const auto fields = split(line, ',');
    InstanceType type;
    const auto read = [](std::string_view text, auto& into) {
      return std::from_chars(text.data(), text.data() + text.size(), into).ptr ==
                 text.data() + text.size() &&
             into > 0;
    };
    if (fields.size() != 5 || fields[0].empty() || !read(fields[1], type.vcpus) ||
        !read(fields[2], type.memory_mib))
      return invalid(std::format("not an instance type: '{}'", line.substr(0, 80)));
    ASSIGN_OR_RETURN(type.on_demand, parse_usd(fields[4]));
    type.name = fields[0];
    type.arch = fields[3];
    types[type.name] = type;
  }
  return types;
}

}  // namespace godwit::localcloud
