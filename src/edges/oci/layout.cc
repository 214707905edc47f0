#include "edges/oci/layout.h"

#include <algorithm>

namespace godwit::oci {
namespace {

constexpr std::size_t kShownBytes = 80, kShownTags = 20;

std::string shown(std::string text) {
  text.resize(std::min(text.size(), kShownBytes));
  for (char& c : text)
    if (c < 32 || c > 126) c = '?';
  return text;
}

std::string list(const std::vector<std::string>& tags) {
  std::string out;
  std::size_t named = 0;
  for (const std::string& tag : tags) {
    if (tag.empty() || ++named > kShownTags) continue;
    out += (out.empty() ? "" : ", ") + shown(tag);
  }
  if (named > kShownTags) out += std::format(" and {} more", named - kShownTags);
  return out.empty() ? "none" : out;
}

bool has_line(std::string_view lines, std::string_view name) {
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    std::string_view line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 1, lines.size()));
    if (line.starts_with("./")) line.remove_prefix(2);
    if (line == name) return true;
  }
  return false;
}

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

}  // namespace

std::optional<Kind> kind_of(std::string_view names) {
  if (has_line(names, "oci-layout") && has_line(names, "index.json")) return Kind::kOciArchive;
  if (has_line(names, "manifest.json")) return Kind::kDockerArchive;
  return std::nullopt;
}

bool began_as_image(std::string_view names) {
  return has_line(names, "manifest.json") || has_line(names, "oci-layout") ||
         names.starts_with("blobs/") || names.contains("\nblobs/");
}

const char* index_name(Kind kind) {
  return kind == Kind::kDockerArchive ? "manifest.json" : "index.json";
}

Result<std::vector<std::string>> tags_of(Kind kind, const json::Value& index) {
  std::vector<std::string> tags;
  if (kind == Kind::kDockerArchive) {
    if (index.array().empty()) return invalid("manifest.json names no image");
    for (const json::Value& image : index.array())
      for (const json::Value& tag : image["RepoTags"].array()) tags.push_back(tag.text());
    return tags;
  }
  for (const json::Value& manifest : index["manifests"].array())
    tags.push_back(manifest["annotations"]["org.opencontainers.image.ref.name"].text());
  if (tags.empty()) return invalid("index.json names no image");
  return tags;
}

Result<std::string> choose_tag(const std::vector<std::string>& tags, const std::string& wanted) {
  if (wanted.empty()) {
    if (tags.size() <= 1) return tags.empty() ? "" : tags[0];
    if (std::ranges::all_of(tags, &std::string::empty))
      return invalid(std::format("has {} images without a name: give each a tag", tags.size()));
    return invalid(std::format("has {} images, say which tag: {}", tags.size(), list(tags)));
  }
  for (const std::string& tag : tags)
    if (tag == wanted || tag.ends_with(":" + wanted)) return tag;
  return not_found(std::format("no tag '{}'; it has: {}", shown(wanted), list(tags)));
}

Result<std::string> blob_path(const json::Value& descriptor) {
  const std::string digest = descriptor["digest"].text();
  const std::size_t colon = digest.find(':');
  const std::string_view algorithm = std::string_view(digest).substr(0, colon);
  const std::string_view hex =
      colon == digest.npos ? std::string_view() : std::string_view(digest).substr(colon + 1);
  if ((algorithm != "sha256" || hex.size() != 64) && (algorithm != "sha512" || hex.size() != 128))
    return invalid(std::format("'{}' is no digest", shown(digest)));
  if (!std::ranges::all_of(hex, is_hex))
    return invalid(std::format("'{}' is no digest", shown(digest)));
  return std::format("blobs/{}/{}", algorithm, hex);
}

}  // namespace godwit::oci
