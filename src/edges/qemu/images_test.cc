// A file is taken for what its bytes are, and hashed once while it stays as it is.
#include "edges/qemu/images.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <vector>

#include "base/check.h"
#include "lib/tls/digest.h"

namespace godwit::qemu {
namespace {

class ImagesTest : public ::testing::Test {
 protected:
  ImagesTest() { CHECK(::mkdtemp(dir_.data()) != nullptr); }
  ~ImagesTest() override { std::filesystem::remove_all(dir_); }

  std::string put(const std::string& bytes, const std::string& name) {
    std::ofstream(dir_ + "/" + name, std::ios::trunc) << bytes;
    return name;
  }
  Status check(Images& images) {
    std::optional<Status> result;
    const auto ask = [&]() -> io::Task<void> {
      result = co_await images.check(machine_);
      loop_.stop();
    };
    loop_.spawn(ask());
    loop_.run();
    return *result;
  }

  std::string dir_ = ::testing::TempDir() + "/images-XXXXXX";
  io::Loop loop_;
  ports::MachineRecord machine_;
};

TEST_F(ImagesTest, BytesDecide) {
  machine_.kernel_sha256 = put("kernel", tls::sha256("kernel"));
  machine_.initramfs_sha256 = put("initramfs", tls::sha256("initramfs"));
  machine_.base_sha256 = put("base", tls::sha256("base"));
  Images images(loop_, dir_);
  EXPECT_TRUE(check(images));
  EXPECT_TRUE(check(images));
  EXPECT_EQ(images.hashed(), 3u);

  // As long as before, and with its old time of change put back.
  const std::string path = dir_ + "/" + machine_.base_sha256;
  struct stat before{};
  ASSERT_EQ(::stat(path.c_str(), &before), 0);
  put("bass", machine_.base_sha256);
  const timespec times[2] = {before.st_atim, before.st_mtim};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  const Status refused = check(images);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  EXPECT_NE(refused.error().message.find(path), std::string::npos);
  EXPECT_NE(refused.error().message.find(tls::sha256("bass")), std::string::npos);
  EXPECT_NE(refused.error().message.find("not " + tls::sha256("base")), std::string::npos);

  put("base", machine_.base_sha256);
  EXPECT_TRUE(check(images));
  EXPECT_EQ(images.hashed(), 5u);
  std::filesystem::remove(path);
  EXPECT_EQ(check(images).error().code, Code::kFailedPrecondition);
}

// What is missing or damaged is asked of the source, once, and taken at its word.
TEST_F(ImagesTest, WhatIsNotHereIsFetched) {
  machine_.kernel_sha256 = put("kernel", tls::sha256("kernel"));
  machine_.initramfs_sha256 = put("damaged", tls::sha256("initramfs"));
  machine_.base_sha256 = tls::sha256("base");
  std::vector<std::string> asked;
  bool is_away = true;
  const auto source = [&](std::string sha256) -> io::Task<Status> {
    asked.push_back(sha256);
    co_await io::sleep(std::chrono::milliseconds{1});
    if (is_away) co_return unavailable("nobody answers");
    for (const char* bytes : {"initramfs", "base"})
      if (tls::sha256(bytes) == sha256) put(bytes, sha256);
    co_return Status{};
  };
  Images images(loop_, dir_, source);
  const Status failed = check(images);
  EXPECT_EQ(failed.error().code, Code::kFailedPrecondition);
  EXPECT_NE(failed.error().message.find("not " + tls::sha256("initramfs")), std::string::npos);
  EXPECT_NE(failed.error().message.find("nobody answers"), std::string::npos);
  is_away = false;
  EXPECT_TRUE(check(images));
  EXPECT_EQ(images.hashed(), 2u);  // The two that were here.
  EXPECT_TRUE(check(images));
  EXPECT_EQ(images.hashed(), 2u);
  EXPECT_EQ(asked, (std::vector{machine_.initramfs_sha256, machine_.initramfs_sha256,
                                machine_.base_sha256}));
}

// Whoever has little time is told at once; the file comes all the same, once.
TEST_F(ImagesTest, PatienceEndsTheWaitAndNotTheFetch) {
  machine_.kernel_sha256 = put("kernel", tls::sha256("kernel"));
  machine_.initramfs_sha256 = put("initramfs", tls::sha256("initramfs"));
  machine_.base_sha256 = tls::sha256("base");
  io::Notifier open(loop_);
  bool is_open = false;
  int asked = 0;
  const auto source = [&](std::string sha256) -> io::Task<Status> {
    ++asked;
    while (!is_open) co_await open.wait(std::chrono::minutes{1});
    put("base", sha256);
    co_return Status{};
  };
  Images images(loop_, dir_, source);
  std::vector<Status> ends;
  const auto ask = [&]() -> io::Task<void> {
    for (int i = 0; i < 2; ++i)
      ends.push_back(co_await images.check(machine_, std::chrono::milliseconds{1}));
    is_open = true;
    open.notify();
    ends.push_back(co_await images.check(machine_));
    loop_.stop();
  };
  loop_.spawn(ask());
  loop_.run();
  ASSERT_EQ(ends.size(), 3u);
  for (int i = 0; i < 2; ++i) {
    ASSERT_FALSE(ends[static_cast<std::size_t>(i)]);
    EXPECT_TRUE(ends[static_cast<std::size_t>(i)].error().message.contains("on its way"));
  }
  EXPECT_TRUE(ends[2]);
  EXPECT_EQ(asked, 1);
}

}  // namespace
}  // namespace godwit::qemu
