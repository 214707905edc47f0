#include "edges/ec2/answers.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <format>
#include <optional>

#include "edges/ec2/text.h"

namespace godwit::ec2 {
namespace {

using ports::CapacityType;
using ports::CloudInstance;
using ports::InstanceEnd;
using ports::InstanceState;

// Items of `<NAMESet><item>`.
std::vector<const xml::Element*> items(const xml::Element& of, std::string_view set) {
  const xml::Element* found = of.find(set);
  return found ? found->all("item") : std::vector<const xml::Element*>{};
}

// An element that must be there and hold a word: ids, types and zones are nothing else.
Result<std::string> word(const xml::Element& of, std::string_view path) {
  const std::string_view text = of.text_at(path);
  const auto plain = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '.' || c == '_';
  };
  if (text.empty() || text.size() > 64 || !std::ranges::all_of(text, plain))
    return data_loss(std::format("{} is '{}'", path, text.substr(0, 40)));
  return std::string(text);
}

Result<std::int64_t> count(const xml::Element& of, std::string_view path) {
  const std::string_view text = of.text_at(path);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0 || value > 1 << 30)
    return data_loss(std::format("{} is '{}'", path, text.substr(0, 40)));
  return value;
}

InstanceState state_of(std::string_view name) {
  if (name == "pending") return InstanceState::kPending;
  if (name == "running") return InstanceState::kRunning;
  if (name == "shutting-down") return InstanceState::kShuttingDown;
  if (name == "terminated") return InstanceState::kTerminated;
  return InstanceState::kOther;
}

// "User initiated (2026-11-24 03:22:27 GMT)".
std::optional<Time> time_in(std::string_view reason) {
  constexpr std::string_view kForm = "(2026-11-24 03:22:27 GMT)";
  if (reason.size() < kForm.size()) return std::nullopt;
  std::string text(reason.substr(reason.size() - kForm.size()));
  if (text[0] != '(' || text[11] != ' ' || !text.ends_with(" GMT)")) return std::nullopt;
  text[11] = 'T';
  const auto time = parse_time(text.substr(1, 19) + "Z");
  return time ? std::optional(*time) : std::nullopt;
}

std::optional<InstanceEnd> end_of(const xml::Element& item, InstanceState state) {
  if (state != InstanceState::kShuttingDown && state != InstanceState::kTerminated)
    return std::nullopt;
  const std::string_view reason = item.text_at("reason");
  std::string code(item.text_at("stateReason/code"));
  const bool by_us = code.empty() ? reason.starts_with("User ") : code.starts_with("Client.");
  if (code.empty()) code = reason;
  return InstanceEnd{by_us ? ports::EndedBy::kUser : ports::EndedBy::kProvider, time_in(reason),
                     code};
}

Result<CloudInstance> read_instance(const xml::Element& item) {
  CloudInstance i;
  ASSIGN_OR_RETURN(i.id, word(item, "instanceId"));
  ASSIGN_OR_RETURN(i.type, word(item, "instanceType"));
  ASSIGN_OR_RETURN(i.zone, word(item, "placement/availabilityZone"));
  ASSIGN_OR_RETURN(const std::string state, word(item, "instanceState/name"));
  ASSIGN_OR_RETURN(i.launched, parse_time(item.text_at("launchTime")));
  i.launched = std::chrono::floor<std::chrono::seconds>(i.launched);
  i.state = state_of(state);
  if (item.text_at("instanceLifecycle") == "spot") i.capacity = CapacityType::kSpot;
  i.address = item.text_at("privateIpAddress");
  i.client_token = item.text_at("clientToken");
  for (const xml::Element* tag : items(item, "tagSet"))
    i.tags[std::string(tag->text_at("key"))] = tag->text_at("value");
  i.end = end_of(item, i.state);
  return i;
}

}  // namespace

Result<CloudInstance> read_launched(const xml::Element& answer) {
  const auto found = items(answer, "instancesSet");
  if (found.size() != 1) return data_loss(std::format("{} instances, not one", found.size()));
  return read_instance(*found[0]);
}

Status read_instances(const xml::Element& answer, std::vector<CloudInstance>& into) {
  for (const xml::Element* reservation : items(answer, "reservationSet"))
    for (const xml::Element* item : items(*reservation, "instancesSet")) {
      ASSIGN_OR_RETURN(CloudInstance instance, read_instance(*item));
      into.push_back(std::move(instance));
    }
  return {};
}

Status read_prices(const xml::Element& answer, Changes& into) {
  for (const xml::Element* item : items(answer, "spotPriceHistorySet")) {
    market::Pool pool;
    market::PriceChange change;
    ASSIGN_OR_RETURN(pool.type, word(*item, "instanceType"));
    ASSIGN_OR_RETURN(pool.zone, word(*item, "availabilityZone"));
    ASSIGN_OR_RETURN(change.price, parse_usd(item->text_at("spotPrice")));
    ASSIGN_OR_RETURN(change.at, parse_time(item->text_at("timestamp")));
    into[pool].push_back(change);
  }
  return {};
}

Status read_types(const xml::Element& answer, Types& into) {
  for (const xml::Element* item : items(answer, "instanceTypeSet")) {
    ports::InstanceType type;
    ASSIGN_OR_RETURN(type.name, word(*item, "instanceType"));
    ASSIGN_OR_RETURN(const auto vcpus, count(*item, "vCpuInfo/defaultVCpus"));
    type.vcpus = static_cast<int>(vcpus);
    ASSIGN_OR_RETURN(type.memory_mib, count(*item, "memoryInfo/sizeInMiB"));
    type.bare_metal = item->text_at("bareMetal") == "true";
    type.nests = type.bare_metal;
    if (const xml::Element* processor = item->find("processorInfo")) {
      for (const xml::Element* feature : items(*processor, "supportedFeatures"))
        if (feature->text == "nested-virtualization") type.nests = true;
      // Some old types are i386 too; the widest is what matters.
      for (const xml::Element* name : items(*processor, "supportedArchitectures"))
        if (type.architecture.empty() || type.architecture == "i386")
          type.architecture = name->text;
    }
    for (const xml::Element* usage : items(*item, "supportedUsageClasses")) {
      if (usage->text == "spot") type.capacity_types.push_back(CapacityType::kSpot);
      if (usage->text == "on-demand") type.capacity_types.push_back(CapacityType::kOnDemand);
    }
    std::ranges::sort(type.capacity_types);
    into[type.name] = std::move(type);
  }
  return {};
}

Status read_offerings(const xml::Element& answer, Types& into) {
  for (const xml::Element* item : items(answer, "instanceTypeOfferingSet")) {
    ASSIGN_OR_RETURN(const std::string name, word(*item, "instanceType"));
    ASSIGN_OR_RETURN(std::string zone, word(*item, "location"));
    if (const auto type = into.find(name); type != into.end())
      type->second.zones.push_back(std::move(zone));
  }
  for (auto& [name, type] : into) {
    std::ranges::sort(type.zones);
    const auto twice = std::ranges::unique(type.zones);
    type.zones.erase(twice.begin(), twice.end());
  }
  return {};
}

}  // namespace godwit::ec2
