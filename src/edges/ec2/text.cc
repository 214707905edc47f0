#include "edges/ec2/text.h"

#include <algorithm>
#include <charconv>
#include <format>
#include <optional>

#include "lib/http/message.h"

namespace godwit::ec2 {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Digits and nothing else.
std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || !std::ranges::all_of(text, is_digit) || error != std::errc{} ||
      end != text.data() + text.size())
    return std::nullopt;
  return value;
}

// The fraction of "0.5" after the point, in millionths; None if it needs more digits.
std::optional<std::int64_t> millionths(std::string_view digits) {
  while (digits.size() > 6 && digits.back() == '0') digits.remove_suffix(1);
  if (digits.size() > 6) return std::nullopt;
  std::string six(digits);
  six.append(6 - six.size(), '0');
  return number(six);
}

}  // namespace

Result<MicroUsdPerHour> parse_usd(std::string_view text) {
  const auto point = text.find('.');
  const auto whole = number(text.substr(0, point));
  const auto fraction = point == std::string_view::npos ? std::optional<std::int64_t>(0)
                                                        : millionths(text.substr(point + 1));
  if (!whole || !fraction || *whole >= 10'000'000)
    return data_loss(std::format("not a price: '{}'", text.substr(0, 40)));
  return MicroUsdPerHour{*whole * 1'000'000 + *fraction};
}

std::string usd_text(MicroUsdPerHour price) {
  return std::format("{}.{:06}", price.value / 1'000'000, price.value % 1'000'000);
}

Result<Time> parse_time(std::string_view text) {
  const auto bad = data_loss(std::format("not a time: '{}'", text.substr(0, 40)));
  constexpr std::string_view kForm = "0000-00-00T00:00:00";
  if (text.size() <= kForm.size() || text.back() != 'Z') return bad;
  for (std::size_t i = 0; i < kForm.size(); ++i)
    if (kForm[i] == '0' ? !is_digit(text[i]) : text[i] != kForm[i]) return bad;
  const auto part = [&](std::size_t at, std::size_t size) {
    return static_cast<int>(number(text.substr(at, size)).value_or(0));
  };
  using namespace std::chrono;
  const year_month_day date{year(part(0, 4)), month(static_cast<unsigned>(part(5, 2))),
                            day(static_cast<unsigned>(part(8, 2)))};
  const int hour = part(11, 2), minute = part(14, 2), second = part(17, 2);
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) return bad;
  std::string_view fraction = text.substr(kForm.size(), text.size() - kForm.size() - 1);
  std::int64_t micros = 0;
  if (!fraction.empty()) {
    if (fraction[0] != '.' || fraction.size() < 2 ||
        !std::ranges::all_of(fraction.substr(1), is_digit))
      return bad;
    micros = millionths(fraction.substr(1, 6)).value_or(0);
  }
  return Time(sys_days(date)) + hours(hour) + minutes(minute) + seconds(second) +
         microseconds(micros);
}

std::string time_text(Time time) {
  return std::format("{:%Y-%m-%dT%H:%M:%S}Z", std::chrono::floor<std::chrono::seconds>(time));
}

std::string encode_base64(std::string_view bytes) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned group = 0;
    const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t j = 0; j < 3; ++j)
      group = group << 8 | (j < have ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    for (std::size_t j = 0; j < 4; ++j)
      out += j <= have ? kAlphabet[group >> (18 - 6 * j) & 63] : '=';
  }
  return out;
}

std::string form_text(const Form& form) {
  std::string out;
  for (const auto& [name, value] : form) {
    if (!out.empty()) out += '&';
    out += name + '=';
    std::string_view rest = value;
    for (auto space = rest.find(' '); space != std::string_view::npos; space = rest.find(' ')) {
      out += http::percent_encode(rest.substr(0, space)) + '+';
      rest.remove_prefix(space + 1);
    }
    out += http::percent_encode(rest);
  }
  return out;
}

}  // namespace godwit::ec2
