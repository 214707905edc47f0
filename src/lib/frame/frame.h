// Frames on the control channel: a byte stream that is cut at any byte when a guest moves.
//
// On the wire a frame is one 0x7E, then the header and the payload with 0x7E and 0x7D written as
// 0x7D and the byte XOR 0x20 (as HDLC does). So 0x7E begins a frame wherever it stands, and what a
// dead connection left half-sent costs nothing but itself. The header is little-endian: length of
// the payload (4 bytes), CRC32C of all the rest (4), session (8), sequence (8).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace godwit::frame {

// A log line of 16 KiB and a piece of exec output of 32 KiB fit; a peer cannot make us hold more.
inline constexpr std::size_t kMaxPayload = 64 * 1024;

struct Frame {
  std::uint64_t session = 0;   // Chosen by the node at each hello, never 0, never the same twice.
  std::uint64_t sequence = 0;  // Per direction, from 0 at each hello, without gaps.
  std::string payload;
  bool operator==(const Frame&) const = default;
};

// Castagnoli's polynomial, as in iSCSI and ext4. `before` is the result for the bytes before.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0);

// CHECKs that the payload is not longer than kMaxPayload.
std::string encode(const Frame& frame);

class Decoder {
 public:
  // The frames that these bytes complete. Damaged ones are dropped and counted; the decoder goes on
  // at the next frame.
  std::vector<Frame> feed(std::string_view bytes);
  // Drops a partial frame: the connection is a new one.
  void drop_partial();
  std::uint64_t damaged() const { return damaged_; }  // Frames begun and not completed soundly.

 private:
  void take(char byte, std::vector<Frame>& out);

  bool inside_ = false;
  bool escaped_ = false;
  std::string bytes_;  // Of the frame at hand, header included, unescaped.
  std::uint64_t damaged_ = 0;
};

// Which frames count. Of another session: left over from a connection that is gone, to be dropped.
// A gap: bytes were lost, so the sides say hello again.
enum class Verdict { kTake, kStale, kGap };

class Order {
 public:
  void begin(std::uint64_t session) {
    session_ = session;
    next_ = 0;
  }
  // kTake moves on to the next number; kGap stays until begin().
  Verdict check(const Frame& frame);
  std::uint64_t session() const { return session_; }

 private:
  std::uint64_t session_ = 0;
  std::uint64_t next_ = 0;
};

}  // namespace godwit::frame
