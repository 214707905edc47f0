#include "cli/file.h"

#include <array>
#include <fstream>

namespace godwit::cli {

// Not by iterators: over a directory they throw, where read() sets a bit.
std::optional<std::string> read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::string text;
  std::array<char, 4096> block;
  while (file.read(block.data(), block.size()) || file.gcount() > 0)
    text.append(block.data(), static_cast<std::size_t>(file.gcount()));
  if (file.bad()) return std::nullopt;
  return text;
}

}  // namespace godwit::cli
