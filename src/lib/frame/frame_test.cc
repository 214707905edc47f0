#include "lib/frame/frame.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "lib/frame/control.h"

namespace godwit::frame {
namespace {

std::string random_bytes(Random& random, std::size_t max) {
  std::string bytes(random.below(max + 1), '\0');
  // Half of the bytes are the two that are escaped.
  for (char& b : bytes)
    b = static_cast<char>(random.below(2) ? 0x7D + random.below(2) : random.below(256));
  return bytes;
}

Frame random_frame(Random& random, std::size_t max = 300) {
  return {random.below(UINT64_MAX), random.below(UINT64_MAX), random_bytes(random, max)};
}

// The check value of the polynomial, and that a checksum can be continued.
TEST(Crc32c, KnownValue) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c("6789", crc32c("12345")), 0xE3069283u);
  EXPECT_EQ(crc32c(""), 0u);
}

// Whatever is encoded comes out, however the stream is cut into pieces.
TEST(Frame, RoundTripOverAnyCut) {
  Random random(1);
  for (int round = 0; round < 300; ++round) {
    std::vector<Frame> sent, got;
    std::string stream;
    for (std::uint64_t i = random.below(6) + 1; i > 0; --i) {
      sent.push_back(random_frame(random));
      stream += encode(sent.back());
    }
    Decoder decoder;
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t n = random.below(40) + 1;
      for (Frame& f : decoder.feed(std::string_view(stream).substr(at, n))) got.push_back(f);
      at += n;
    }
    EXPECT_EQ(got, sent);
    EXPECT_EQ(decoder.damaged(), 0u);
  }
}

TEST(Frame, TheLargestPayloadPasses) {
  const Frame frame{1, 2, std::string(kMaxPayload, '\x7E')};
  Decoder decoder;
  EXPECT_EQ(decoder.feed(encode(frame)), std::vector{frame});
}

// A connection that dies after any byte of a frame costs that frame only: the next one, on the new
// connection, is read whether or not the decoder was told.
TEST(Frame, APartialFrameIsDroppedByTheNextOne) {
  Random random(2);
  const Frame dead = random_frame(random, 60), hello = random_frame(random, 60);
  const std::string bytes = encode(dead);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    for (const bool told : {false, true}) {
      Decoder decoder;
      EXPECT_TRUE(decoder.feed(std::string_view(bytes).substr(0, cut)).empty());
      if (told) decoder.drop_partial();
      EXPECT_EQ(decoder.feed(encode(hello)), std::vector{hello});
    }
  }
}

// Mutated streams: no crash, nothing is made up (every frame that comes out was sent), and the
// decoder is ready for a sound frame afterwards.
TEST(Frame, MutationsInventNothing) {
  Random random(3);
  for (int round = 0; round < 3000; ++round) {
    std::vector<Frame> sent;
    std::string stream;
    for (int i = 0; i < 4; ++i) {
      sent.push_back(random_frame(random, 50));
      stream += encode(sent.back());
    }
    for (std::uint64_t i = random.below(6) + 1; i > 0; --i) {
      const std::size_t at = random.below(stream.size());
      switch (random.below(3)) {
        case 0:
          stream[at] = static_cast<char>(random.below(256));
          break;
        case 1:
          stream.erase(at, random.below(20) + 1);
          break;
        default:
          stream.insert(at, random_bytes(random, 20));
      }
      if (stream.empty()) break;
    }
    Decoder decoder;
    for (const Frame& f : decoder.feed(stream))
      EXPECT_NE(std::find(sent.begin(), sent.end(), f), sent.end()) << "round " << round;
    EXPECT_EQ(decoder.feed(encode(sent[0])), std::vector{sent[0]}) << "round " << round;
  }
}

TEST(Frame, ALengthAboveTheLimitIsRefusedAtItsHeader) {
  std::string bytes = "\x7E\xFF\xFF\xFF\x01";
  bytes.append(200, 'x');
  Decoder decoder;
  EXPECT_TRUE(decoder.feed(bytes).empty());
  EXPECT_EQ(decoder.damaged(), 1u);
}

TEST(Order, StaleSessionsAndGaps) {
  Order order;
  EXPECT_EQ(order.check({0, 0, ""}), Verdict::kStale);  // Before any hello.
  order.begin(7);
  EXPECT_EQ(order.check({7, 0, ""}), Verdict::kTake);
  EXPECT_EQ(order.check({6, 1, ""}), Verdict::kStale);
  EXPECT_EQ(order.check({7, 2, ""}), Verdict::kGap);
  EXPECT_EQ(order.check({7, 1, ""}), Verdict::kTake);
  order.begin(8);
  EXPECT_EQ(order.check({7, 2, ""}), Verdict::kStale);
  EXPECT_EQ(order.check({8, 0, ""}), Verdict::kTake);
}

std::vector<Message> examples() {
  const Program program{{"/bin/app", "", "--x"}, {"A=1", "B=\n"}, "/srv", 1000, 100};
  const State state{Phase::kWaiting, 3, 9, 0, Health::kUnhealthy, "refused"};
  return {Hello{1, 77},
          Ping{1},
          SetClock{2, -5},
          Start{3, program, "g1", Restart::kAlways, 10, 20,
                HealthCheck{HealthKind::kExec, 80, {"probe"}, 1, 2, 3}},
          Exec{4, program, 1000, 17},
          Signal{5, 15},
          Stop{6, 100},
          PowerOff{7},
          LogAck{8},
          Welcome{1, 77, "boot", 5, state},
          Resync{},
          Heartbeat{123456789},
          Pong{9, 1},
          ClockSet{10, -3, 4},
          Reply{11, "no"},
          ExecOutput{12, 1, 2, std::string("\0x", 2)},
          ExecEnd{13, 1, 9, 2, "e"},
          LogLine{14, 15, 2, true, "text"},
          state};
}

// One example of every kind comes back equal; every shorter or longer byte string is refused.
TEST(Control, EveryMessageRoundTripsAndNoCutPasses) {
  const std::vector<Message> all = examples();
  ASSERT_EQ(all.size(), std::variant_size_v<Message>);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].index(), i);
    const std::string bytes = encode_message(all[i]);
    const auto read = decode_message(bytes);
    ASSERT_TRUE(read) << to_string(read.error());
    EXPECT_EQ(*read, all[i]);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut)
      EXPECT_FALSE(decode_message(std::string_view(bytes).substr(0, cut))) << i << " " << cut;
    EXPECT_FALSE(decode_message(bytes + "x"));
  }
  EXPECT_FALSE(decode_message("\xFF"));
}

// Mutated messages are refused with DataLoss, or mean a message that encodes to the same bytes.
TEST(Control, MutationsAreRefusedOrCanonical) {
  Random random(4);
  const std::vector<Message> all = examples();
  int refused = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = encode_message(all[random.below(all.size())]);
    for (std::uint64_t i = random.below(4) + 1; i > 0 && !bytes.empty(); --i) {
      const std::size_t at = random.below(bytes.size());
      if (random.below(3))
        bytes[at] = static_cast<char>(random.below(256));
      else
        bytes.erase(at, random.below(5));
    }
    const auto read = decode_message(bytes);
    if (read) {
      EXPECT_EQ(encode_message(*read), bytes);
    } else {
      EXPECT_EQ(read.error().code, Code::kDataLoss);
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace godwit::frame
