#include "edges/oci/import.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <utility>
#include <vector>

#include "edges/oci/layout.h"
#include "edges/oci/read.h"
#include "lib/io/child.h"
#include "lib/tls/digest.h"

namespace godwit::oci {
namespace {

namespace fs = std::filesystem;

// Fixed, so that equal trees give images that differ as little as mkfs allows. The values are
// arbitrary.
constexpr char kUuid[] = "6f0d6f77-6974-4000-8000-000000000001";
constexpr char kHashSeed[] = "6f0d6f77-6974-4000-8000-000000000002";
constexpr std::uint64_t kMiB = 1 << 20;
constexpr char kRight[] =
    "give a directory with an OCI layout, or an archive made by `skopeo copy`, `podman save` or "
    "`docker save`";

const char* transport(Kind kind) {
  switch (kind) {
    case Kind::kLayout:
      return "oci";
    case Kind::kOciArchive:
      return "oci-archive";
    case Kind::kDockerArchive:
      break;
  }
  return "docker-archive";
}

// A directory below the store that goes away with this object.
class Scratch {
 public:
  static Result<Scratch> make(const std::string& store) {
    std::error_code error;
    const bool is_new = fs::create_directories(store, error);
    if (error) return system_error(std::format("make {}", store), error.value());
    std::string path = store + "/.import-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr)
      return system_error(std::format("make a directory in {}", store), errno);
    return Scratch(path, is_new ? store : "");
  }
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
    if (!new_store_.empty()) fs::remove(new_store_, ignored);  // If nothing came into it.
  }
  Scratch(Scratch&& other) noexcept
      : path_(std::exchange(other.path_, {})), new_store_(std::exchange(other.new_store_, {})) {}
  Scratch& operator=(Scratch&&) = delete;
  std::string operator/(std::string_view name) const { return std::format("{}/{}", path_, name); }

 private:
  Scratch(std::string path, std::string new_store)
      : path_(std::move(path)), new_store_(std::move(new_store)) {}
  std::string path_, new_store_;
};

// Not braces: gcc 14 fails on lists of strings inside coroutines.
template <class... Words>
std::vector<std::string> words(Words... each) {
  return {std::string(each)...};
}

io::Task<Status> run(const Scratch& scratch, std::vector<std::string> argv) {
  co_return co_await io::run_program(std::move(argv), scratch / "output");
}

Result<json::Value> read_json(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, read_text(path));
  return in_context(path, json::parse(text));
}

io::Task<Result<Kind>> find_kind(const Scratch& scratch, const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) co_return not_found(std::format("{}: no such file or directory", path));
  if (fs::is_directory(status)) {
    if (fs::exists(path + "/oci-layout", error) && fs::exists(path + "/index.json", error))
      co_return Kind::kLayout;
    co_return invalid(
        std::format("{}: a directory without oci-layout and index.json; {}", path, kRight));
  }
  const Status listed = co_await run(scratch, words("tar", "-tf", path));
  CO_ASSIGN_OR_RETURN(const std::string names, read_text(scratch / "output"));
  if (!listed)
    co_return invalid(
        began_as_image(names)
            ? std::format("{}: the archive is cut short or damaged; copy it again", path)
            : std::format("{}: not an archive; {}", path, kRight));
  const std::optional<Kind> kind = kind_of(names);
  if (!kind) co_return invalid(std::format("{}: an archive, but of no image; {}", path, kRight));
  co_return *kind;
}

io::Task<Result<json::Value>> read_index(const Scratch& scratch, Kind kind,
                                         const std::string& path) {
  const std::string name = index_name(kind);
  if (kind == Kind::kLayout) co_return read_json(path + "/" + name);
  for (const std::string& member : words(name, "./" + name)) {
    if (!co_await run(scratch, words("tar", "-xOf", path, member))) continue;
    CO_ASSIGN_OR_RETURN(const std::string text, read_text(scratch / "output"));
    co_return in_context(path + ": " + name, json::parse(text));
  }
  co_return invalid(std::format("{}: {} cannot be read", path, name));
}

io::Task<Status> copy_to_layout(const Scratch& scratch, const ImportRequest& request) {
  CO_ASSIGN_OR_RETURN(const Kind kind, co_await find_kind(scratch, request.path));
  CO_ASSIGN_OR_RETURN(const json::Value index, co_await read_index(scratch, kind, request.path));
  CO_ASSIGN_OR_RETURN(const auto tags, in_context(request.path, tags_of(kind, index)));
  CO_ASSIGN_OR_RETURN(const std::string tag,
                      in_context(request.path, choose_tag(tags, request.tag)));
  // Names of skopeo's transports cannot hold a colon in the path.
  const std::string source = scratch / "source";
  std::error_code error;
  fs::create_symlink(fs::absolute(request.path), source, error);
  if (error) co_return system_error("link the source", error.value());
  std::string from = std::format("{}:{}", transport(kind), source);
  if (!tag.empty()) from += ":" + tag;
  const Status copied =
      co_await run(scratch, words("skopeo", "--insecure-policy", "--tmpdir", scratch / "", "copy",
                                  "-q", from, "oci:" + (scratch / "layout") + ":image"));
  if (!copied)
    co_return invalid(
        std::format("{}: cannot be read as an image: {}", request.path, copied.error().message));
  co_return Status{};
}

// The configuration blob, found by way of index and manifest.
Result<json::Value> config_blob(const Scratch& scratch) {
  const auto blob = [&](const json::Value& descriptor) -> Result<json::Value> {
    ASSIGN_OR_RETURN(const std::string path, blob_path(descriptor));
    return read_json(scratch / "layout/" + path);
  };
  ASSIGN_OR_RETURN(const json::Value index, read_json(scratch / "layout/index.json"));
  ASSIGN_OR_RETURN(const json::Value manifest, blob(index["manifests"].at(0)));
  return blob(manifest["config"]);
}

// What mkfs needs for the tree: each file rounded up to blocks, an inode each, a quarter more, and
// 16 MiB of room for the journal and for what mkfs keeps.
Result<std::uint64_t> image_bytes(const std::string& tree) {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(tree, error);
       it != fs::recursive_directory_iterator(); it.increment(error)) {
    if (error) break;
    std::error_code unreadable;
    if (it->is_regular_file(unreadable) && !it->is_symlink(unreadable))
      bytes += (it->file_size(unreadable) + 4095) / 4096 * 4096;
    bytes += 4096;
  }
  if (error) return system_error(std::format("measure {}", tree), error.value());
  const std::uint64_t with_slack = bytes + bytes / 4 + 16 * kMiB;
  return (with_slack + kMiB - 1) / kMiB * kMiB;
}

void make_mount_points(const std::string& tree) {
  for (const char* name : {"proc", "sys", "dev", "tmp", "etc"}) {
    std::error_code there_already;
    fs::create_directories(tree + "/" + name, there_already);
  }
}

io::Task<Status> make_disk(const Scratch& scratch, const std::string& tree,
                           const std::string& disk) {
  make_mount_points(tree);
  CO_ASSIGN_OR_RETURN(const std::uint64_t bytes, image_bytes(tree));
  std::ofstream(disk, std::ios::binary).close();
  std::error_code error;
  fs::resize_file(disk, bytes, error);
  if (error) co_return system_error(std::format("make {}", disk), error.value());
  co_return co_await run(
      scratch, words("mkfs.ext4", "-q", "-F", "-b", "4096", "-m", "1", "-U", kUuid, "-E",
                     std::format("hash_seed={},root_owner=0:0", kHashSeed), "-d", tree, disk));
}

Status write_synced(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) return internal(std::format("write {}", path));
  return {};
}

Status sync_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return system_error(std::format("open {}", path), errno);
  const bool synced = ::fsync(fd) == 0;
  const int error = errno;
  ::close(fd);
  if (!synced) return system_error(std::format("sync {}", path), error);
  return {};
}

// The configuration goes first: a base that is there has its configuration.
Status put_in_store(const Scratch& scratch, const std::string& store, const Imported& image) {
  TRY(write_synced(scratch / "image.json", to_json(image.config).dump() + "\n"));
  const std::string target = store + "/" + image.sha256;
  for (const auto& [from, to] :
       {std::pair{scratch / "image.json", target + ".json"}, {scratch / "disk", target}}) {
    TRY(sync_file(from));
    if (::rename(from.c_str(), to.c_str()) != 0)
      return system_error(std::format("make {}", to), errno);
  }
  return sync_file(store);
}

}  // namespace

io::Task<Result<Imported>> import_image(ImportRequest request) {
  CO_ASSIGN_OR_RETURN(const Scratch scratch, Scratch::make(request.store));
  CO_TRY(co_await copy_to_layout(scratch, request));
  // `raw`: the files alone. What the image says of itself is for us to read, and to refuse.
  const std::string tree = scratch / "rootfs";
  const Status unpacked = co_await run(
      scratch, words("umoci", "raw", "unpack", "--image", (scratch / "layout") + ":image", tree));
  if (!unpacked)
    co_return in_context(request.path + ": unpack",
                         Result<Imported>{std::unexpected(unpacked.error())});
  CO_ASSIGN_OR_RETURN(const json::Value blob, config_blob(scratch));
  Imported image;
  CO_ASSIGN_OR_RETURN(const std::string passwd,
                      in_context(request.path, read_inside(tree, "etc/passwd")));
  CO_ASSIGN_OR_RETURN(const std::string group,
                      in_context(request.path, read_inside(tree, "etc/group")));
  CO_ASSIGN_OR_RETURN(image.config,
                      in_context(request.path, read_image_config(blob, passwd, group)));
  CO_TRY(co_await make_disk(scratch, tree, scratch / "disk"));
  CO_ASSIGN_OR_RETURN(image.sha256, tls::sha256_of_file(scratch / "disk"));
  image.bytes = fs::file_size(scratch / "disk");
  ::chmod((scratch / "disk").c_str(), 0444);
  CO_TRY(put_in_store(scratch, request.store, image));
  co_return image;
}

Result<ImageConfig> read_stored_config(const std::string& store, const std::string& sha256) {
  ASSIGN_OR_RETURN(const json::Value value, read_json(std::format("{}/{}.json", store, sha256)));
  return from_json(value);
}

}  // namespace godwit::oci
