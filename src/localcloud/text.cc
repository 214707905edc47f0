#include "localcloud/text.h"

#include <charconv>
#include <cstdint>

namespace godwit::localcloud {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Exactly the digits of `text`; -1 if there is anything else.
int number(std::string_view text) {
  int value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return -1;
    value = value * 10 + (c - '0');
  }
  return text.empty() ? -1 : value;
}

int base64_value(char c) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto at = kAlphabet.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

}  // namespace

Result<MicroUsdPerHour> parse_usd(std::string_view text) {
  const auto bad = [text] { return invalid(std::format("not a price: '{}'", text.substr(0, 40))); };
  const auto point = std::min(text.find('.'), text.size());
  const std::string_view whole = text.substr(0, point);
  std::string_view decimals = text.substr(std::min(point + 1, text.size()));
  while (decimals.size() > 6 && decimals.ends_with('0')) decimals.remove_suffix(1);
  if (whole.size() + decimals.size() == 0 || whole.size() > 7 || decimals.size() > 6) return bad();
  std::string digits = std::string(whole) + std::string(decimals);
  digits.append(6 - decimals.size(), '0');
  std::int64_t value = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (read.ec != std::errc{} || read.ptr != digits.data() + digits.size() || !is_digit(digits[0]))
    return bad();
  if (value > 1'000'000'000'000) return bad();
  return MicroUsdPerHour{value};
}

std::string usd_text(MicroUsdPerHour price) {
  return std::format("{}.{:06}", price.value / 1'000'000, price.value % 1'000'000);
}

Result<Time> parse_time(std::string_view text) {
  const auto bad = [text] { return invalid(std::format("not a time: '{}'", text.substr(0, 40))); };
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' ||
      text[16] != ':' || text.back() != 'Z')
    return bad();
  const int year = number(text.substr(0, 4)), month = number(text.substr(5, 2)),
            day = number(text.substr(8, 2)), hour = number(text.substr(11, 2)),
            minute = number(text.substr(14, 2)), second = number(text.substr(17, 2));
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (year < 1970 || month < 1 || day < 1 || !date.ok() || hour < 0 || hour > 23 || minute < 0 ||
      minute > 59 || second < 0 || second > 59)
    return bad();
  Time time = Time(std::chrono::sys_days(date)) + std::chrono::hours(hour) +
              std::chrono::minutes(minute) + std::chrono::seconds(second);
  std::string_view fraction = text.substr(19, text.size() - 20);
  if (fraction.empty()) return time;
  if (fraction[0] != '.' || fraction.size() == 1) return bad();
  std::int64_t unit = 100'000;
  for (const char c : fraction.substr(1)) {
    if (!is_digit(c)) return bad();
    time += Duration(unit * (c - '0'));
    unit /= 10;
  }
  return time;
}

std::string time_text(Time time) {
  return std::format("{:%Y-%m-%dT%H:%M:%S}Z", std::chrono::floor<std::chrono::milliseconds>(time));
}

std::string time_text_seconds(Time time) {
  return std::format("{:%Y-%m-%dT%H:%M:%S}Z", std::chrono::floor<std::chrono::seconds>(time));
}

Result<std::string> decode_base64(std::string_view text) {
  std::string out;
  std::uint32_t group = 0;
  int have = 0, padding = 0;
  for (const char c : text) {
    if (c == '\n' || c == '\r') continue;
    const int value = c == '=' ? 0 : base64_value(c);
    if (value < 0 || (padding > 0 && c != '=')) return invalid("not base64");
    padding += c == '=';
    group = group << 6 | static_cast<std::uint32_t>(value);
    if (++have < 4) continue;
    if (padding > 2) return invalid("not base64");
    for (int i = 0; i < 3 - padding; ++i) out += static_cast<char>(group >> (16 - 8 * i));
    group = 0;
    have = 0;
  }
  if (have != 0) return invalid("not base64: its length is no multiple of four");
  return out;
}

}  // namespace godwit::localcloud
