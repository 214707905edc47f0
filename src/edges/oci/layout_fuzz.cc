// The index of a layout or an archive, behind the tag that is wanted and a line break. What is
// shown of it is printable and fits a screen, and no digest leads out of the blobs.
#include <algorithm>

#include "base/fuzz.h"
#include "edges/oci/layout.h"

namespace godwit::fuzz {
namespace {

constexpr std::size_t kScreen = 2000;

bool told(const Error& error) {
  CHECK(error.message.size() <= kScreen);
  CHECK(std::ranges::all_of(error.message, [](char c) { return c >= 32 && c < 127; }));
  return refused(error);
}

bool try_index(oci::Kind kind, const json::Value& index, const std::string& wanted) {
  const auto tags = oci::tags_of(kind, index);
  if (!tags) return told(tags.error());
  const auto tag = oci::choose_tag(*tags, wanted);
  if (!tag) return told(tag.error());
  CHECK(tag->empty() || std::ranges::contains(*tags, *tag));
  return true;
}

bool try_descriptor(const json::Value& descriptor) {
  const auto path = oci::blob_path(descriptor);
  if (!path) return told(path.error());
  CHECK(path->starts_with("blobs/") && !path->contains(".."));
  return true;
}

}  // namespace

Corpus corpus() {
  const std::string digest = "\"sha256:" + std::string(64, 'a') + "\"";
  return {
      .seeds = {"v1\n"
                R"({"schemaVersion":2,"manifests":[{"mediaType":"m","size":7,"digest":)" +
                    digest + R"(,"annotations":{"org.opencontainers.image.ref.name":"v1"}},{}]})",
                "\n"
                R"({"manifests":[{"digest":"sha512:x"}],"config":{"digest":)" +
                    digest + "}}",
                "1\n"
                R"([{"Config":"c.json","RepoTags":["docker.io/app:1","app:2"],"Layers":["l"]}])",
                "index.json\n./oci-layout\nblobs/sha256/aa\n"}};
}

bool try_input(std::string_view input) {
  bool sound = false;
  if (const auto kind = oci::kind_of(input)) {
    CHECK(oci::began_as_image(input) || *kind == oci::Kind::kDockerArchive);
    CHECK(input.contains(oci::index_name(*kind)));
    sound = true;
  }
  const std::string wanted(take_until(input, '\n'));
  const auto index = json::parse(input);
  if (!index) return refused(index.error()) || sound;
  for (const auto kind : {oci::Kind::kLayout, oci::Kind::kOciArchive, oci::Kind::kDockerArchive})
    sound |= try_index(kind, *index, wanted);
  sound |= try_descriptor((*index)["config"]);
  return sound | try_descriptor((*index)["manifests"].at(0));
}

}  // namespace godwit::fuzz
