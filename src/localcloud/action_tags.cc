// CreateTags, DescribeTags and DeleteTags, of instances and spot requests.
#include <algorithm>
#include <format>

#include "localcloud/actions.h"

namespace godwit::localcloud {
namespace {

using Strings = std::vector<std::string>;

struct Tag {
  std::string resource, kind, key, value;
};

Strings resources(Call& call) {
  const auto ids = call.query.list("ResourceId");
  if (ids.empty())
    call.query.refuse("MissingParameter", "The request must contain the parameter ResourceId");
  return ids;
}

std::optional<Refusal> all_exist(Call& call, const Strings& ids) {
  for (const std::string& id : ids) {
    if (call.cloud.tags_of(id, call.now)) continue;
    if (id.starts_with("i-")) return check_instance_ids(call, {id});
    if (id.starts_with("sir-"))
      return Refusal{"InvalidSpotInstanceRequestID.NotFound",
                     std::format("The spot instance request ID '{}' does not exist", id)};
    return Refusal{"InvalidID", std::format("The ID '{}' is not valid", id.substr(0, 40))};
  }
  return std::nullopt;
}

xml::Element done() {
  xml::Element answer;
  answer.add("return", "true");
  return answer;
}

}  // namespace

Answer create_tags(Call& call) {
  const auto ids = resources(call);
  const Tags tags = call.query.tags("Tag");
  if (tags.empty())
    call.query.refuse("MissingParameter", "The request must contain the parameter Tag");
  REFUSE_IF(dry_run(call));
  REFUSE_IF(all_exist(call, ids));
  for (const std::string& id : ids) {
    Tags merged = *call.cloud.tags_of(id, call.now);
    for (const auto& [key, value] : tags) merged[key] = value;
    if (merged.size() > 50) return refuse("TagLimitExceeded", "A resource has at most 50 tags.");
  }
  for (const std::string& id : ids)
    for (const auto& [key, value] : tags) (*call.cloud.tags_of(id, call.now))[key] = value;
  return done();
}

Answer delete_tags(Call& call) {
  const auto ids = resources(call);
  // By key; with a value, only if it is that value. No tags at all: every tag.
  std::vector<std::pair<std::string, std::optional<std::string>>> tags;
  for (const int i : call.query.indices("Tag"))
    tags.emplace_back(call.query.required(std::format("Tag.{}.Key", i)),
                      call.query.find(std::format("Tag.{}.Value", i)));
  REFUSE_IF(dry_run(call));
  REFUSE_IF(all_exist(call, ids));
  for (const std::string& id : ids) {
    Tags& held = *call.cloud.tags_of(id, call.now);
    if (tags.empty()) held.clear();
    for (const auto& [key, value] : tags)
      if (const auto at = held.find(key); at != held.end() && (!value || *value == at->second))
        held.erase(at);
  }
  return done();
}

Answer describe_tags(Call& call) {
  std::vector<Tag> items;
  for (const Instance* i : call.cloud.shown(call.now))
    for (const auto& [key, value] : i->tags) items.push_back({i->id, "instance", key, value});
  for (const SpotRequest* r : call.cloud.spot_requests())
    for (const auto& [key, value] : r->tags)
      items.push_back({r->id, "spot-instances-request", key, value});
  const auto get = [](const Tag& tag, std::string_view name) -> std::optional<Strings> {
    if (name == "key") return Strings{tag.key};
    if (name == "value") return Strings{tag.value};
    if (name == "resource-id") return Strings{tag.resource};
    if (name == "resource-type") return Strings{tag.kind};
    return std::nullopt;
  };
  const auto key = [](const Tag& tag) { return tag.resource + "/" + tag.key; };
  keep_matching<Tag>(call.query, get, {}, nullptr, items);
  std::ranges::sort(items, {}, key);
  const std::string next = keep_page<Tag>(call.query, 5, 1000, key, items);
  REFUSE_IF(dry_run(call));
  xml::Element answer;
  xml::Element& set = answer.add("tagSet");
  for (const Tag& tag : items) {
    xml::Element& item = set.add("item");
    item.add("resourceId", tag.resource);
    item.add("resourceType", tag.kind);
    item.add("key", tag.key);
    item.add("value", tag.value);
  }
  if (!next.empty()) answer.add("nextToken", next);
  return answer;
}

}  // namespace godwit::localcloud
