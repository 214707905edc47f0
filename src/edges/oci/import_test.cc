#include "edges/oci/import.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/random.h"
#include "edges/oci/layout.h"
#include "lib/io/child.h"
#include "lib/tls/digest.h"

namespace godwit::oci {
namespace {

namespace fs = std::filesystem;

constexpr char kPasswd[] = "root:x:0:0::/:/bin/sh\napp:x:1000:100::/srv:/bin/sh\n";
constexpr char kGroup[] = "root:x:0:\nusers:x:100:app\n";

TEST(Config, UsersAreResolvedAgainstTheImagesOwnFiles) {
  const auto user = [](std::string_view text) { return resolve_user(text, kPasswd, kGroup); };
  EXPECT_EQ(user(""), (User{0, 0}));
  EXPECT_EQ(user("app"), (User{1000, 100}));
  EXPECT_EQ(user("1000"), (User{1000, 100}));
  EXPECT_EQ(user("7"), (User{7, 0}));
  EXPECT_EQ(user("app:root"), (User{1000, 0}));
  EXPECT_EQ(user("7:100"), (User{7, 100}));
  EXPECT_EQ(user(":users"), (User{0, 100}));
  EXPECT_EQ(user("nobody").error().code, Code::kNotFound);
  EXPECT_EQ(user("app:none").error().code, Code::kNotFound);
  EXPECT_EQ(resolve_user("a", "a:x:b:c\n", "").error().code, Code::kInvalidArgument);
  // A line that ends behind the uid: its group was once read from beyond it.
  EXPECT_EQ(resolve_user("a", "a:x:7\n", "").error().code, Code::kNotFound);
  EXPECT_EQ(resolve_user("7", "a:x:7\n", ""), (User{7, 0}));
  EXPECT_EQ(resolve_user("7:a", "", "a:x:9\na:x\n"), (User{7, 9}));
  EXPECT_EQ(resolve_user("7:a", "", "a:x\n").error().code, Code::kNotFound);
}

TEST(Config, ReadsWhatImagesSay) {
  const auto blob = json::parse(R"({"config": {"Entrypoint": ["/bin/app"], "Cmd": ["serve"],
    "Env": ["A=1"], "WorkingDir": "/srv", "User": "app",
    "ExposedPorts": {"80/tcp": {}, "53/udp": {}, "7000": {}}}})");
  const auto config = read_image_config(blob.value(), kPasswd, kGroup);
  ASSERT_TRUE(config);
  EXPECT_EQ(*config,
            (ImageConfig{{"/bin/app"}, {"serve"}, {"A=1"}, "/srv", 1000, 100, {80, 7000}}));
  EXPECT_EQ(from_json(to_json(*config)), *config);
  EXPECT_EQ(read_image_config(json::parse("{}").value(), "", "").value(), ImageConfig{});
  EXPECT_FALSE(read_image_config(
      json::parse(R"({"config": {"ExposedPorts": {"x/tcp": {}}}})").value(), "", ""));
}

// A layout with one image, and its archives, are made by the tools that users have.
class ImportTest : public ::testing::Test {
 protected:
  static constexpr char kMake[] = R"(set -e
cd "$0"; mkdir -p tree/bin tree/srv tree/etc
printf '%s' "$2" > tree/etc/passwd; printf '%s' "$3" > tree/etc/group
cp "$1" tree/bin/app; ln tree/bin/app tree/bin/twin
ln -s app tree/bin/link; chown 1000:100 tree/srv
umoci init --layout layout; umoci new --image layout:v1
tar -C tree --sort=name --mtime=@0 -cf layer.tar . ; umoci raw add-layer --image layout:v1 layer.tar
umoci config --image layout:v1 --config.entrypoint /bin/app --config.cmd serve --config.cmd 10 \
  --config.user app --config.workingdir /srv --config.env A=1 --config.exposedports 7000/tcp
cp -r layout two; umoci tag --image two:v1 v2
skopeo --insecure-policy copy -q oci:layout:v1 oci-archive:oci.tar:v1
skopeo --insecure-policy copy -q oci:layout:v1 docker-archive:docker.tar:test/app:v1
head -c 200000 oci.tar > short.tar; tar -cf other.tar tree/etc; echo hello > text; mkdir empty
cp -r layout torn; for b in torn/blobs/sha256/*; do truncate -s 10 $b; done
for d in folder pipe deep list nodigest climb; do cp -r layout $d; rm $d/index.json; done
mkdir folder/index.json; mkfifo pipe/index.json
head -c 100000 /dev/zero | tr '\0' '[' > deep/index.json
echo '[]' > list/index.json; echo '{"manifests":[{"digest":7}]}' > nodigest/index.json
echo '{"manifests":[{"digest":"sha256:../../../text"}]}' > climb/index.json
echo '[]' > manifest.json; tar -cf none.tar manifest.json
echo '[{"RepoTags":["a:1","a:2"]}]' > manifest.json; tar -cf noblob.tar manifest.json
cp -r layout badport; cp -r layout baduser
umoci config --image badport:v1 --config.exposedports 99999/tcp
umoci config --image baduser:v1 --config.user nobody
)";

  void SetUp() override {
    dir_ = std::format("{}/oci-{}", ::testing::TempDir(), ::getpid());
    fs::remove_all(dir_);
    fs::create_directories(dir_);
    const auto made = wait(io::run_program(
        {"sh", "-c", kMake, dir_, GODWIT_GUEST_PROGRAM, kPasswd, kGroup}, dir_ + "/../oci-out"));
    ASSERT_TRUE(made) << made.error().message;
  }

  template <class T>
  T wait(io::Task<T> task) {
    std::optional<T> out;
    const auto body = [](io::Loop& loop, io::Task<T> t, std::optional<T>& o) -> io::Task<void> {
      o = co_await std::move(t);
      loop.stop();
    };
    loop_.spawn(body(loop_, std::move(task), out));
    loop_.run();
    return *std::move(out);
  }

  Result<Imported> import(const std::string& name, const std::string& tag = "") {
    return wait(import_image({dir_ + "/" + name, tag, dir_ + "/store"}));
  }

  std::size_t stored() const {
    if (!fs::exists(dir_ + "/store")) return 0;
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(dir_ + "/store"), {}));
  }

  io::Loop loop_;
  std::string dir_;
};

TEST_F(ImportTest, AllThreeKindsGiveTheSameContainer) {
  std::size_t files = 0;
  for (const char* name : {"layout", "oci.tar", "docker.tar"}) {
    const auto image = import(name);
    ASSERT_TRUE(image) << name << ": " << image.error().message;
    EXPECT_EQ(image->config,
              (ImageConfig{{"/bin/app"}, {"serve", "10"}, {"A=1"}, "/srv", 1000, 100, {7000}}))
        << name;
    const std::string base = dir_ + "/store/" + image->sha256;
    EXPECT_EQ(tls::sha256_of_file(base), image->sha256);
    EXPECT_EQ(fs::file_size(base), image->bytes);
    EXPECT_EQ(read_stored_config(dir_ + "/store", image->sha256), image->config);
    EXPECT_TRUE(wait(io::run_program({"e2fsck", "-fn", base}, dir_ + "/fsck")));
    EXPECT_TRUE(wait(io::run_program(
        {"sh", "-c",
         "debugfs -R 'dump /bin/twin /dev/stdout' $0 2>/dev/null | cmp - $1 &&"
         "debugfs -R 'stat /srv' $0 2>/dev/null | grep -q 'User:  1000   Group:   100'",
         base, GODWIT_GUEST_PROGRAM},
        dir_ + "/dump")));
    EXPECT_GE(stored(), files);
    files = stored();
    EXPECT_EQ(files % 2, 0u) << "a base and its configuration, nothing else";
  }
  EXPECT_EQ(import("two").error().message, dir_ + "/two: has 2 images, say which tag: v1, v2");
  EXPECT_TRUE(import("two", "v2"));
  EXPECT_TRUE(import("docker.tar", "v1"));
}

// Bad input, case by case: the code, what the message must say, and that nothing is left behind.
TEST_F(ImportTest, BadInputIsToldAndLeavesNothing) {
  struct Case {
    const char *name, *tag;
    Code code;
    const char* says;
  };
  for (const Case& c : {Case{"absent", "", Code::kNotFound, "no such file or directory"},
                        {"text", "", Code::kInvalidArgument, "not an archive; give a directory"},
                        {"empty", "", Code::kInvalidArgument, "without oci-layout"},
                        {"other.tar", "", Code::kInvalidArgument, "of no image"},
                        {"short.tar", "", Code::kInvalidArgument, "cut short or damaged"},
                        {"torn", "", Code::kInvalidArgument, "cannot be read as an image"},
                        {"layout", "v9", Code::kNotFound, "no tag 'v9'; it has: v1"},
                        {"docker.tar", "v9", Code::kNotFound, "no tag 'v9'; it has: "},
                        {"folder", "", Code::kInvalidArgument, "index.json: not a file"},
                        {"pipe", "", Code::kInvalidArgument, "index.json: not a file"},
                        {"deep", "", Code::kDataLoss, "index.json: "},
                        {"list", "", Code::kInvalidArgument, "index.json names no image"},
                        {"nodigest", "", Code::kInvalidArgument, "cannot be read as an image"},
                        {"climb", "", Code::kInvalidArgument, "cannot be read as an image"},
                        {"none.tar", "", Code::kInvalidArgument, "manifest.json names no image"},
                        {"noblob.tar", "", Code::kInvalidArgument, "say which tag: a:1, a:2"},
                        {"noblob.tar", "1", Code::kInvalidArgument, "cannot be read as an image"},
                        {"badport", "", Code::kInvalidArgument, "exposed port '99999/tcp'"},
                        {"baduser", "", Code::kNotFound, "user 'nobody': not in the image's"},
                        {"layout\n", "", Code::kNotFound, "no such file or directory"}}) {
    const auto image = import(c.name, c.tag);
    ASSERT_FALSE(image) << c.name;
    EXPECT_EQ(image.error().code, c.code) << c.name << ": " << image.error().message;
    EXPECT_NE(image.error().message.find(c.says), std::string::npos) << image.error().message;
    EXPECT_NE(image.error().message.find(c.name), std::string::npos) << image.error().message;
    EXPECT_FALSE(fs::exists(dir_ + "/store")) << c.name;
  }
}

// Archives with a few bytes changed, by a fixed seed: each is imported whole or refused with a
// reason, and the store then holds bases and their configurations, nothing else.
TEST_F(ImportTest, ChangedArchivesAreImportedOrRefused) {
  const char* all = std::getenv("GODWIT_ALL");
  Random random(5);
  int refused = 0;
  const int rounds = all && *all == '1' ? 200 : 12;
  for (int round = 0; round < rounds; ++round) {
    std::ifstream in(dir_ + (round % 2 ? "/oci.tar" : "/docker.tar"), std::ios::binary);
    std::string bytes(std::istreambuf_iterator<char>(in), {});
    for (int i = 0; i < 3; ++i) {
      // Half of them where the names and the JSON are: the layer is most of the bytes.
      const std::uint64_t near = random.below(2) ? bytes.size() : 8192;
      const std::size_t at =
          random.below(2) ? random.below(near) : bytes.size() - 1 - random.below(near);
      bytes[at] = static_cast<char>(random.below(256));
    }
    std::ofstream(dir_ + "/changed.tar", std::ios::binary) << bytes;
    const auto image = import("changed.tar");
    if (!image) {
      ++refused;
      EXPECT_TRUE(image.error().message.contains("changed.tar")) << image.error().message;
    }
    EXPECT_EQ(stored() % 2, 0u);
  }
  EXPECT_GT(refused, rounds / 4);
}

// What an image links to is looked up inside it: its passwd is never the host's.
TEST_F(ImportTest, LinksDoNotLeaveTheImage) {
  const auto made = wait(io::run_program(
      {"sh", "-c",
       "cd $0 && mkdir -p $0/l/tree/usr/share && printf %s \"$1\" > l/tree/usr/share/users &&"
       "ln -s /etc l/tree/up && mkdir l/tree/etc && ln -s /usr/share/users l/tree/etc/passwd &&"
       "umoci init --layout linked && umoci new --image linked:v1 &&"
       "tar -C l/tree -cf l.tar . && umoci raw add-layer --image linked:v1 l.tar &&"
       "umoci config --image linked:v1 --config.user app",
       dir_, kPasswd},
      dir_ + "/linked.out"));
  ASSERT_TRUE(made) << made.error().message;
  const auto image = import("linked");
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->config.uid, 1000u);
  // The same with links that lead up to the host's own.
  const auto climbed = wait(io::run_program(
      {"sh", "-c",
       "cd $0 && rm l/tree/etc/passwd && ln -s ../../../../../../../../etc/passwd l/tree/etc/passwd"
       "&& umoci init --layout climbed && umoci new --image climbed:v1 &&"
       "tar -C l/tree -cf l.tar . && umoci raw add-layer --image climbed:v1 l.tar &&"
       "umoci config --image climbed:v1 --config.user root",
       dir_},
      dir_ + "/climbed.out"));
  ASSERT_TRUE(climbed) << climbed.error().message;
  EXPECT_EQ(import("climbed").error_or(Error{}).code, Code::kNotFound);
}

TEST(Layout, TagsAreChosenOrTold) {
  const std::vector<std::string> two{"docker.io/app:v1", "v2"};
  EXPECT_EQ(choose_tag(two, "v1"), "docker.io/app:v1");
  EXPECT_EQ(choose_tag(two, "v2"), "v2");
  EXPECT_EQ(choose_tag({}, ""), "");
  EXPECT_EQ(choose_tag({""}, ""), "");
  EXPECT_EQ(choose_tag({"", ""}, "").error().message,
            "has 2 images without a name: give each a tag");
  EXPECT_EQ(choose_tag({"\x1b[2J", "b"}, "").error().message,
            "has 2 images, say which tag: ?[2J, b");
  const std::vector<std::string> many(1000, std::string(5000, 'x'));
  EXPECT_LT(choose_tag(many, "v9").error().message.size(), 2000u);
}

}  // namespace
}  // namespace godwit::oci
