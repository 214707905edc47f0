// An instance joins over real TLS on loopback, and a scripted control plane says who it is: the
// token decides, the key is bound, nothing is signed without an answer, and strangers get nothing.
#include <gtest/gtest.h>

#include <format>
#include <functional>
#include <map>
#include <thread>

#include "edges/grpc/channel.h"
#include "edges/grpc/join_client.h"
#include "edges/grpc/join_server.h"
#include "lib/tls/digest.h"
#include "lib/tls/signing_request.h"
#include "ports/messages.h"

namespace godwit::grpc_edge {
namespace {

using namespace std::chrono_literals;

const std::string kToken(64, 'a');
constexpr tls::Validity kValidity{Time{1600000000s}, Time{4000000000s}};
Time noon() { return Time{1700000000s}; }

// As the control plane does it: one node waits for each token, the first key is bound to it.
class Tokens final : public ports::EventSink<ports::Request> {
 public:
  void offer(ports::Request request) override {
    std::unique_lock lock(mutex_);
    requests.push_back(request);
    arrived_.notify_all();
    if (silent) return;
    const auto& wish = std::get<ports::JoinNode>(request.body);
    ports::Answer answer = fail(Code::kPermissionDenied, "this token is not known");
    if (const auto node = nodes.find(wish.token_sha256); node != nodes.end()) {
      const auto [bound, is_first] = keys.try_emplace(wish.token_sha256, wish.key_sha256);
      if (bound->second == wish.key_sha256)
        answer = ports::NodeView{.node = node->second};
      else
        answer = fail(Code::kPermissionDenied, "this token was used by another key");
    }
    lock.unlock();
    server->answer(request.id, answer);
  }
  bool wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    return arrived_.wait_for(lock, 10s, [&] { return requests.size() >= count; });
  }

  std::map<std::string, NodeId> nodes{{tls::sha256(kToken), NodeId{"n-1"}}};
  std::map<std::string, std::string> keys;
  bool silent = false;
  std::vector<ports::Request> requests;
  ports::Answerer* server = nullptr;

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
};

struct Rig {
  explicit Rig(JoinOptions options = {}) {
    server = JoinServer::start("127.0.0.1:0", self, authority, tokens, noon, options).value();
    tokens.server = server.get();
  }
  Result<Joined> try_join(const std::string& token, const std::string& request,
                          std::chrono::milliseconds limit = 20s) const {
    return join({.address = std::format("127.0.0.1:{}", server->port()),
                 .authority = authority.certificate,
                 .token = token,
                 .signing_request = request},
                limit);
  }

  const tls::Identity authority = tls::make_authority("godwit test", kValidity).value();
  const Credentials self{tls::issue(authority, ports::kControl, {}, kValidity).value(),
                         authority.certificate};
  Tokens tokens;
  std::unique_ptr<JoinServer> server;
};

TEST(Join, ATokenMakesANodeOfTheKeyThatUsedItFirst) {
  Rig rig;
  const auto mine = tls::make_request().value(), other = tls::make_request().value();
  const auto joined = rig.try_join(kToken, mine.request);
  ASSERT_TRUE(joined) << to_string(joined.error());
  EXPECT_EQ(joined->node, NodeId{"n-1"});
  EXPECT_EQ(tls::common_name(joined->certificate), "n-1");
  EXPECT_TRUE(tls::is_pair({joined->certificate, mine.key}));
  // An answer may be lost: the same key may ask again. Another may not.
  EXPECT_EQ(rig.try_join(kToken, mine.request)->node, NodeId{"n-1"});
  const auto stolen = rig.try_join(kToken, other.request);
  ASSERT_FALSE(stolen);
  EXPECT_EQ(stolen.error().code, Code::kPermissionDenied);
  EXPECT_NE(stolen.error().message.find("another key"), std::string::npos);
  EXPECT_NE(stolen.error().message.find("godwit get nodes"), std::string::npos);
  for (const ports::Request& request : rig.tokens.requests) {
    EXPECT_NE(request.id & kJoinBit, 0u);
    EXPECT_EQ(request.caller, "");
  }
  // The token itself goes no further than the server.
  EXPECT_EQ(std::get<ports::JoinNode>(rig.tokens.requests[0].body).token_sha256,
            tls::sha256(kToken));
}

TEST(Join, WhatCannotSucceedNeverReachesTheControlPlane) {
  Rig rig;
  const std::string request = tls::make_request()->request;
  struct Bad {
    std::string token, request;
    Code code;
    std::string says, fix;
  };
  const Bad table[] = {
      {"", request, Code::kPermissionDenied, "token: ", "16 to 128 printable"},
      {std::string(15, 'a'), request, Code::kPermissionDenied, "token: ", "these are 15 bytes"},
      {std::string(129, 'a'), request, Code::kPermissionDenied, "token: ", "16 to 128"},
      {std::string(20, ' '), request, Code::kPermissionDenied, "token: ", "printable"},
      {std::string(20, '\n'), request, Code::kPermissionDenied, "token: ", "printable"},
      {std::string(20, '\0'), request, Code::kPermissionDenied, "token: ", "printable"},
      {kToken.substr(1) + "\x7f", request, Code::kPermissionDenied, "token: ", "printable"},
      {"a", request, Code::kPermissionDenied, "its instance must be replaced", "get nodes"},
      {kToken, "", Code::kInvalidArgument, "signing request: ", ""},
      {kToken, "garbage", Code::kInvalidArgument, "signing request: ", ""},
      {kToken, rig.authority.certificate, Code::kInvalidArgument, "signing request: ", ""},
      {kToken, std::string(9000, 'a'), Code::kInvalidArgument, "signing request: ", "at most 8192"},
      {kToken, request.substr(0, request.size() / 2), Code::kInvalidArgument, "signing request",
       ""},
  };
  for (const Bad& bad : table) {
    const auto joined = rig.try_join(bad.token, bad.request);
    ASSERT_FALSE(joined) << bad.token << bad.request;
    const std::string& said = joined.error().message;
    EXPECT_EQ(joined.error().code, bad.code) << said;
    EXPECT_TRUE(said.starts_with("join at 127.0.0.1:")) << said;
    EXPECT_TRUE(said.contains(bad.says) && said.contains(bad.fix)) << said;
    EXPECT_TRUE(bad.token.size() < 15 || !said.contains(bad.token)) << "a secret: " << said;
  }
  EXPECT_TRUE(rig.tokens.requests.empty());
  // A token like any other, but nobody's.
  EXPECT_EQ(rig.try_join(std::string(64, 'b'), request).error().code, Code::kPermissionDenied);
  EXPECT_EQ(rig.tokens.requests.size(), 1u);
}

TEST(Join, NobodyGetsTheNameOfTheControlPlaneOrOfAUser) {
  Rig rig;
  const std::string request = tls::make_request()->request;
  for (const char* name : {"control", "user/admin", ""}) {
    rig.tokens.nodes[tls::sha256(kToken)] = NodeId{name};
    const auto joined = rig.try_join(kToken, request);
    ASSERT_FALSE(joined) << name;
  }
}

TEST(Join, TheServerIsHeldAgainstTheFleetsAuthority) {
  Rig rig;
  const auto stranger = tls::make_authority("godwit test", kValidity).value();
  const auto asked = join({.address = std::format("127.0.0.1:{}", rig.server->port()),
                           .authority = stranger.certificate,
                           .token = kToken,
                           .signing_request = tls::make_request()->request},
                          5s);
  EXPECT_EQ(asked.error().code, Code::kUnavailable);
  EXPECT_TRUE(rig.tokens.requests.empty());
  // Another node of the same fleet is not the control plane either.
  const Credentials node{tls::issue(rig.authority, NodeId{"n-2"}, {}, kValidity).value(),
                         rig.authority.certificate};
  const auto fake =
      JoinServer::start("127.0.0.1:0", node, rig.authority, rig.tokens, noon, {}).value();
  EXPECT_EQ(join({.address = std::format("127.0.0.1:{}", fake->port()),
                  .authority = rig.authority.certificate,
                  .token = kToken,
                  .signing_request = tls::make_request()->request},
                 5s)
                .error()
                .code,
            Code::kUnavailable);
  EXPECT_TRUE(rig.tokens.requests.empty());
}

TEST(Join, CallsAreBoundedAndEndWithTheServer) {
  Rig rig({.calls = 2});
  rig.tokens.silent = true;
  const std::string request = tls::make_request()->request;
  std::vector<std::jthread> waiting;
  std::array<std::optional<Result<Joined>>, 2> ends;
  for (std::size_t i = 0; i < 2; ++i)
    waiting.emplace_back([&, i] { ends[i] = rig.try_join(kToken, request); });
  ASSERT_TRUE(rig.tokens.wait_for(2));
  const auto third = rig.try_join(kToken, request);
  EXPECT_EQ(third.error().code, Code::kUnavailable);
  EXPECT_NE(third.error().message.find("joins wait"), std::string::npos);
  rig.server.reset();
  waiting.clear();
  for (const auto& end : ends) EXPECT_EQ(end->error().code, Code::kUnavailable);
}

TEST(Join, AnswersGoToTheServerThatAsked) {
  struct Kept final : ports::Answerer {
    void answer(std::uint64_t id, ports::Answer) override { ids.push_back(id); }
    std::vector<std::uint64_t> ids;
  } joins, others;
  SplitAnswers split(&joins, &others), half(nullptr, &others);
  split.answer(kJoinBit | 1, ports::Done{});
  split.answer(1, ports::Done{});
  half.answer(kJoinBit | 2, ports::Done{});
  half.answer(2, ports::Done{});
  EXPECT_EQ(joins.ids, std::vector{kJoinBit | 1});
  EXPECT_EQ(others.ids, (std::vector<std::uint64_t>{1, 2}));
}

}  // namespace
}  // namespace godwit::grpc_edge
