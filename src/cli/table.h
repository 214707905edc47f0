// Columns of text for people.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace godwit::cli {

using Row = std::vector<std::string>;

// Left-aligned, two spaces between; an empty cell shows as "-". No space at a line's end.
// Control characters become '?', since names come from other programs.
void print_table(std::ostream& out, const Row& head, const std::vector<Row>& rows);

bool is_utf8(const std::string& text);

// "1 guest", "2 guests".
std::string count_of(std::uint64_t count, const std::string& noun);

// 12345 micro-dollars are "0.012345"; trailing zeros are cut, but for two decimals.
std::string dollars(long long micro_usd);
// The same with all six decimals, so that amounts line up.
std::string exact_dollars(long long micro_usd);
// The reverse, exact. nullopt: not a number of dollars with at most six decimals.
std::optional<long long> parse_dollars(const std::string& text);

}  // namespace godwit::cli
