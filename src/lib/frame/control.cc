#include "lib/frame/control.h"

#include <concepts>
#include <format>
#include <type_traits>
#include <utility>

namespace godwit::frame {
namespace {

template <class T>
concept Record = std::is_class_v<T> && requires(T& t) { t.fields([](auto&...) {}); };

class Writer {
 public:
  template <class... Fields>
  void operator()(const Fields&... fields) {
    (put(fields), ...);
  }
  std::string take() { return std::move(out_); }

 private:
  template <std::integral T>
  void put(T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i)
      out_ += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i));
  }
  template <class T>
    requires std::is_enum_v<T>
  void put(T value) {
    put(std::to_underlying(value));
  }
  void put(const std::string& text) {
    put(static_cast<std::uint32_t>(text.size()));
    out_ += text;
  }
  void put(const Words& words) {
    put(static_cast<std::uint32_t>(words.size()));
    for (const std::string& word : words) put(word);
  }
  template <Record T>
  void put(const T& value) {
    value.fields(*this);
  }

  std::string out_;
};

// The largest value of each enum on the wire.
constexpr Restart last(Restart) { return Restart::kAlways; }
constexpr HealthKind last(HealthKind) { return HealthKind::kExec; }
constexpr Phase last(Phase) { return Phase::kEnded; }
constexpr Health last(Health) { return Health::kUnhealthy; }

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  template <class... Fields>
  void operator()(Fields&... fields) {
    (get(fields), ...);
  }
  bool sound() const { return sound_ && rest_.empty(); }

 private:
  std::string_view next(std::size_t count) {
    if (count > rest_.size()) {
      sound_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view bytes = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return bytes;
  }
  template <std::integral T>
  void get(T& value) {
    std::uint64_t read = 0;
    int shift = 0;
    for (const char byte : next(sizeof(T))) {
      read |= std::uint64_t{static_cast<unsigned char>(byte)} << shift;
      shift += 8;
    }
    if constexpr (std::same_as<T, bool>) {
      if (read > 1) sound_ = false;
    }
    value = static_cast<T>(read);
  }
  template <class T>
    requires std::is_enum_v<T>
  void get(T& value) {
    std::underlying_type_t<T> number{};
    get(number);
    if (number > std::to_underlying(last(T{}))) {
      sound_ = false;
      number = 0;
    }
    value = static_cast<T>(number);
  }
  void get(std::string& text) {
    std::uint32_t size = 0;
    get(size);
    text = next(size);
  }
  void get(Words& words) {
    std::uint32_t count = 0;
    get(count);
    // A count costs its sender 4 bytes a word at least, so it cannot make us allocate at will.
    if (count > rest_.size() / 4) sound_ = false;
    for (std::uint32_t i = 0; i < count && sound_; ++i) get(words.emplace_back());
  }
  template <Record T>
  void get(T& value) {
    value.fields(*this);
  }

  std::string_view rest_;
  bool sound_ = true;
};

template <std::size_t... I>
bool make(std::size_t index, Message& message, std::index_sequence<I...>) {
  return ((index == I ? (message.emplace<I>(), true) : false) || ...);
}

}  // namespace

std::string encode_message(const Message& message) {
  Writer out;
  out(static_cast<std::uint8_t>(message.index()));
  std::visit([&](const auto& alternative) { alternative.fields(out); }, message);
  return out.take();
}

Result<Message> decode_message(std::string_view bytes) {
  if (bytes.empty()) return data_loss("control message: empty");
  const auto index = static_cast<unsigned char>(bytes[0]);
  Message message;
  if (!make(index, message, std::make_index_sequence<std::variant_size_v<Message>>{}))
    return data_loss(std::format("control message: unknown kind {}", index));
  Reader in(bytes.substr(1));
  std::visit([&](auto& alternative) { alternative.fields(in); }, message);
  if (!in.sound())
    return data_loss(
        std::format("control message of kind {}: {} bytes do not fit", index, bytes.size()));
  return message;
}

}  // namespace godwit::frame
