#include "lib/frame/frame.h"

#include <array>

#include "base/check.h"

namespace godwit::frame {
namespace {

constexpr char kBegin = 0x7E;
constexpr char kEscape = 0x7D;
constexpr char kFlip = 0x20;
constexpr std::size_t kHeader = 24;
constexpr std::size_t kCrcAt = 4;

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit) c = (c >> 1) ^ (c & 1 ? 0x82F63B78u : 0u);
    table[i] = c;
  }
  return table;
}
constexpr auto kTable = make_table();

void put(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
}

std::uint64_t get(std::string_view bytes, std::size_t at, int count) {
  std::uint64_t value = 0;
  for (int i = 0; i < count; ++i)
    value |= std::uint64_t{static_cast<unsigned char>(bytes[at + static_cast<std::size_t>(i)])}
             << (8 * i);
  return value;
}

std::uint32_t checksum(std::string_view raw) {
  return crc32c(raw.substr(kCrcAt + 4), crc32c(raw.substr(0, kCrcAt)));
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes, std::uint32_t before) {
  std::uint32_t c = ~before;
  for (const char byte : bytes)
    c = (c >> 8) ^ kTable[(c ^ static_cast<unsigned char>(byte)) & 0xFF];
  return ~c;
}

std::string encode(const Frame& frame) {
  CHECK(frame.payload.size() <= kMaxPayload);
  std::string raw;
  raw.reserve(kHeader + frame.payload.size());
  put(raw, frame.payload.size(), 4);
  put(raw, 0, 4);
  put(raw, frame.session, 8);
  put(raw, frame.sequence, 8);
  raw += frame.payload;
  std::string crc;
  put(crc, checksum(raw), 4);
  raw.replace(kCrcAt, 4, crc);

  std::string out;
  out.reserve(raw.size() + raw.size() / 64 + 8);
  out += kBegin;
  for (const char byte : raw) {
    if (byte == kBegin || byte == kEscape) {
      out += kEscape;
      out += static_cast<char>(byte ^ kFlip);
    } else {
      out += byte;
    }
  }
  return out;
}

std::vector<Frame> Decoder::feed(std::string_view bytes) {
  std::vector<Frame> out;
  for (const char byte : bytes) take(byte, out);
  return out;
}

void Decoder::drop_partial() {
  if (inside_) ++damaged_;
  inside_ = escaped_ = false;
  bytes_.clear();
}

void Decoder::take(char byte, std::vector<Frame>& out) {
  if (byte == kBegin) {
    drop_partial();
    inside_ = true;
    return;
  }
  if (!inside_) return;
  if (byte == kEscape && !escaped_) {
    escaped_ = true;
    return;
  }
  bytes_ += escaped_ ? static_cast<char>(byte ^ kFlip) : byte;
  escaped_ = false;
  if (bytes_.size() < kHeader) return;
  const std::uint64_t length = get(bytes_, 0, 4);
  if (length > kMaxPayload) return drop_partial();
  if (bytes_.size() < kHeader + length) return;
  if (get(bytes_, kCrcAt, 4) != checksum(bytes_)) return drop_partial();
  out.push_back({get(bytes_, 8, 8), get(bytes_, 16, 8), bytes_.substr(kHeader)});
  inside_ = false;
  bytes_.clear();
}

Verdict Order::check(const Frame& frame) {
  if (session_ == 0 || frame.session != session_) return Verdict::kStale;
  if (frame.sequence != next_) return Verdict::kGap;
  ++next_;
  return Verdict::kTake;
}

}  // namespace godwit::frame
