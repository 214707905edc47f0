// Moves for money: whole nodes, one after another, while each pays for itself.
//
//   cheaper      all guests of a node go to a new one; or a cheaper node takes over escape room
//   consolidate  they fit into what other nodes have free
//   return       they are on-demand, and spot is sound for long enough
//
// What a change saves is the difference of what the whole fleet costs when settled, escape room
// counted, over the expected stay; it must be more than pause, transfer, double pay and risk, and
// at least Policy::saving_percent_min of the node's rate (a return only more than nothing). Guests
// that moved lately stay, and so does room that was taken lately. Nothing is done while something
// is under way or was done just now. Where periods are billed, a node
// is left only at the end of one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/plan/place.h"

namespace godwit::plan {

void improve(Draft& draft);

// Nothing is under way, and nothing was done just now.
bool quiet(const fleet::World& world);

// What moves cost, in micro-dollars.
std::int64_t over(std::int64_t rate, Duration how_long, const fleet::World& world);
std::int64_t pause_cost(std::size_t guests, const fleet::Policy& policy);
std::int64_t transfer_cost(std::int64_t bytes, const fleet::Policy& policy);  // Between zones.

}  // namespace godwit::plan
