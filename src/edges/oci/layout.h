// What the outside of an image says: of which kind it is, its tags, where its blobs are. All of it
// comes from whoever made the image, so what is shown of it is cut and printable.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "lib/json/json.h"

namespace godwit::oci {

enum class Kind { kLayout, kOciArchive, kDockerArchive };

// By the names in an archive, one a line, as `tar -t` lists them. Newer docker archives are both:
// as OCI they keep their digests.
std::optional<Kind> kind_of(std::string_view names);
// Whether an archive that could not be listed to its end began as one of an image.
bool began_as_image(std::string_view names);

// The file that names an archive's or a layout's images, at its top.
const char* index_name(Kind kind);

// Of the images in the order of the index; empty for one without a name. InvalidArgument: there is
// none.
Result<std::vector<std::string>> tags_of(Kind kind, const json::Value& index);

// The one of `tags` that `wanted` means, with or without what stands before its colon; with nothing
// wanted the only one, empty when that has no name. NotFound and InvalidArgument name the choice.
Result<std::string> choose_tag(const std::vector<std::string>& tags, const std::string& wanted);

// Where a layout keeps the blob of a descriptor, from the layout's directory on: always below
// "blobs/". InvalidArgument: its digest is none.
Result<std::string> blob_path(const json::Value& descriptor);

}  // namespace godwit::oci
