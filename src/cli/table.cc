#include "cli/table.h"

#include <algorithm>
#include <format>

#include "lib/json/json.h"

namespace godwit::cli {
namespace {

std::string cell(const std::string& text) {
  std::string shown = text.empty() ? "-" : text;
  std::ranges::replace_if(
      shown, [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127; }, '?');
  return shown;
}

}  // namespace

void print_table(std::ostream& out, const Row& head, const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(head.size());
  const auto measure = [&](const Row& row) {
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], cell(row[i]).size());
  };
  measure(head);
  for (const Row& row : rows) measure(row);
  const auto print = [&](const Row& row) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i)
      line += std::format("{:{}}  ", cell(row[i]), widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << '\n';
  };
  print(head);
  for (const Row& row : rows) print(row);
}

// The writer of JSON puts U+FFFD in the place of what is not UTF-8.
bool is_utf8(const std::string& text) {
  const auto read = json::parse(json::Value{text}.dump());
  return read && read->text() == text;
}

std::string count_of(std::uint64_t count, const std::string& noun) {
  return std::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string exact_dollars(long long micro_usd) {
  const bool negative = micro_usd < 0;
  const auto amount = negative ? 0ULL - static_cast<unsigned long long>(micro_usd)
                               : static_cast<unsigned long long>(micro_usd);
  return std::format("{}{}.{:06}", negative ? "-" : "", amount / 1'000'000, amount % 1'000'000);
}

std::string dollars(long long micro_usd) {
  std::string text = exact_dollars(micro_usd);
  const auto dot = text.find('.');
  while (text.size() > dot + 3 && text.back() == '0') text.pop_back();
  return text;
}

std::optional<long long> parse_dollars(const std::string& text) {
  constexpr std::size_t kWholeMax = 9, kDecimals = 6;  // Far below the limit of 64 bits.
  const auto dot = std::min(text.find('.'), text.size());
  const std::string whole = text.substr(0, dot);
  std::string part = dot < text.size() ? text.substr(dot + 1) : "";
  if (whole.empty() || whole.size() > kWholeMax || part.size() > kDecimals) return std::nullopt;
  if (dot < text.size() && part.empty()) return std::nullopt;
  part.resize(kDecimals, '0');
  const std::string digits = whole + part;
  if (digits.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  return std::stoll(digits);
}

}  // namespace godwit::cli
