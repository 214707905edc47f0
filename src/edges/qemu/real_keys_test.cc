// Who may send to a waiting QEMU: only whoever has this attempt's key. Strangers with another key,
// or with a node's valid certificate, are tried on both ports of a real QEMU, with OpenSSL's client
// and QEMU's own; the same clients with the right key get in, so it is the key that decides.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <fstream>
#include <iterator>

#include "base/check.h"
#include "edges/qemu/real_rig_test.h"
#include "lib/tls/authority.h"
#include "lib/tls/digest.h"

namespace godwit::qemu {
namespace {

// What OpenSSL's client says when the server took its key: TLS 1.3 resumes by a pre-shared key.
constexpr const char* kKeyTaken = "Reused, TLSv1.3, Cipher is TLS_AES_128_GCM_SHA256";

struct Tried {
  bool success = false;
  std::string output;
};

class RealKeys : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!real_qemu_is_here()) GTEST_SKIP() << "no qemu, kernel or gcc here";
    CHECK(::mkdtemp(dir_.data()) != nullptr);
    const auto now = std::chrono::floor<Duration>(std::chrono::system_clock::now());
    const tls::Validity valid{now - std::chrono::hours{1}, now + std::chrono::hours{1}};
    const auto authority = tls::make_authority("godwit test", valid);
    ASSERT_TRUE(authority);
    const auto node = tls::issue(*authority, NodeId{"i-9/b-9"}, {}, valid);
    ASSERT_TRUE(node);
    std::filesystem::create_directory(dir_ + "/x509");
    put("x509/ca-cert.pem", authority->certificate);
    put("x509/client-cert.pem", node->certificate);
    put("x509/client-key.pem", node->key);
    for (const auto& [name, key] : {std::pair{"right", key_}, {"wrong", other_}}) {
      std::filesystem::create_directory(dir_ + "/" + name);
      put(std::string(name) + "/keys.psk", "godwit:" + key + "\n");
    }
  }
  ~RealKeys() override { std::filesystem::remove_all(dir_); }

  void put(const std::string& name, const std::string& bytes) {
    std::ofstream(dir_ + "/" + name) << bytes;
  }
  Tried run(const std::string& command) {
    const std::string log = dir_ + "/log";
    const int end =
        std::system(std::format("timeout 20 {} >{} 2>&1 </dev/null", command, log).c_str());
    std::ifstream file(log);
    return {end == 0, std::string((std::istreambuf_iterator<char>(file)), {})};
  }
  // A TLS client on the migration port, which speaks TLS from the first byte.
  Tried shake(const std::string& options) {
    return run(
        std::format("openssl s_client -connect 127.0.0.1:{} -tls1_3 -ciphersuites "
                    "TLS_AES_128_GCM_SHA256 {}",
                    at_.migration_port, options));
  }
  Tried shake_with_key(const std::string& key) {
    // A key given without a digest is SHA-256's, which is QEMU's as well.
    return shake("-psk_identity godwit -psk " + key);
  }
  // Opens the disk's export as the mirror does, and looks at its size.
  Tried open_disk(const std::string& credentials) {
    return run(
        std::format("qemu-img info --object {},id=t,endpoint=client,dir={} --image-opts "
                    "driver=nbd,server.type=inet,server.host=127.0.0.1,server.port={},"
                    "export=root0,tls-creds=t",
                    credentials.substr(0, credentials.find('@')),
                    dir_ + "/" + credentials.substr(credentials.find('@') + 1), at_.disk_port));
  }
  template <class T>
  T ask(int node, ports::HypervisorCommand command) {
    rig_.node(node).submit(GuestId{"g1"}, std::move(command));
    return next<T>(node);
  }
  template <class T>
  T next(int node) {
    for (;;) {
      const auto answer = rig_.next(node);
      if (answer && std::holds_alternative<ports::Progress>(*answer)) continue;
      if (answer && std::holds_alternative<T>(*answer)) return std::get<T>(*answer);
      const auto* failed = answer ? std::get_if<ports::Failed>(&*answer) : nullptr;
      ADD_FAILURE() << "node " << node << ": " << (failed ? to_string(failed->error) : "silence");
      return T{};
    }
  }

  std::string dir_ = ::testing::TempDir() + "/keys-XXXXXX";
  const std::string key_ = *tls::random_key();
  const std::string other_ = *tls::random_key();
  RealRig rig_;
  ports::Listening at_;
};

TEST_F(RealKeys, OnlyThisAttemptsKeyGetsIn) {
  const std::string psk = "tls-creds-psk,username=godwit";
  ask<ports::Started>(0, ports::Boot{rig_.machine(), ""});
  ask<ports::Running>(0, ports::Run{});
  const ports::AttemptName attempt{NodeId{"i-0/b-0"}, 1};
  const ports::Receive receive{rig_.machine(), "", attempt, {1, 0}, key_};

  // The control of this test: with the right key these clients are served.
  at_ = ask<ports::Listening>(1, receive);
  Tried tried = open_disk(psk + "@right");
  EXPECT_TRUE(tried.success && tried.output.contains("virtual size: 16 MiB")) << tried.output;
  tried = shake_with_key(key_);
  EXPECT_TRUE(tried.output.contains(kKeyTaken) && !tried.output.contains("error:")) << tried.output;
  ask<ports::Discarded>(1, ports::Discard{});

  at_ = ask<ports::Listening>(1, receive);
  const std::string certificate = std::format(
      "-cert {0}/x509/client-cert.pem -key {0}/x509/client-key.pem -CAfile {0}/x509/ca-cert.pem",
      dir_);
  for (const Tried& stranger : {shake_with_key(other_), shake(certificate), shake("")}) {
    EXPECT_FALSE(stranger.success);
    EXPECT_TRUE(stranger.output.contains("error:")) << stranger.output;
    EXPECT_FALSE(stranger.output.contains(kKeyTaken)) << stranger.output;
  }
  for (const Tried& stranger :
       {open_disk(psk + "@wrong"), open_disk("tls-creds-x509,verify-peer=off@x509")}) {
    EXPECT_FALSE(stranger.success) << stranger.output;
    EXPECT_TRUE(stranger.output.contains("TLS")) << stranger.output;
  }
  // Nothing came of it: the right peer moves the guest.
  EXPECT_EQ(ask<ports::Inspected>(1, ports::Inspect{}).qemu, ports::Inspected::Qemu::kIncoming);
  ask<ports::MirrorReady>(
      0, ports::Send{attempt, "127.0.0.1", at_.migration_port, at_.disk_port, key_});
  next<ports::Stopped>(0);
  ask<ports::MirrorClosed>(0, ports::CloseMirror{});
  ask<ports::Completed>(0, ports::Continue{});
  ask<ports::Loaded>(1, ports::Finish{});
  ask<ports::Running>(1, ports::Run{});
}

}  // namespace
}  // namespace godwit::qemu
