// nftables rule sets as text (nft(8)), in the network namespace that the calling thread is in.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"

namespace godwit::nft {

// All of the text takes effect at once, or nothing of it. Whoever builds the text puts only parsed
// and printed values into it. InvalidArgument: refused, with what libnftables says.
Status load(const std::string& ruleset);

// What a "list ..." command prints.
Result<std::string> list(const std::string& what);

// Packets of a named counter so far: counter_packets("inet vpc source").
Result<std::uint64_t> counter_packets(const std::string& counter);

}  // namespace godwit::nft
