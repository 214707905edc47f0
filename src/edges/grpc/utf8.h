// Protobuf refuses strings that are not UTF-8, at the reader: a message with one would vanish.
#pragma once

#include <string>
#include <string_view>

namespace godwit::grpc_edge {

// `text` with every byte that is not part of valid UTF-8 replaced by '?'.
std::string valid_utf8(std::string_view text);

}  // namespace godwit::grpc_edge
