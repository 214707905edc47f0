#include "bench/migration/timeline.h"

#include <algorithm>
#include <format>
#include <map>
#include <sstream>

namespace godwit::bench {
namespace {

struct Moment {
  std::int64_t at_us = 0;
  std::uint64_t sent_bytes = 0;
};

// The first of each name from the stop on: before it, routes are set for other reasons.
std::map<std::string, Moment> moments_of(const std::string& text, std::int64_t from_us) {
  std::map<std::string, Moment> found;
  std::istringstream in(text);
  Moment moment;
  for (std::string name; in >> moment.at_us >> moment.sent_bytes >> name;)
    if (moment.at_us >= from_us) found.try_emplace(name, moment);
  return found;
}

}  // namespace

Result<Pause> pause_of(const std::string& source, const std::string& destination,
                       std::int64_t stopped_us, std::int64_t resumed_us) {
  const auto a = moments_of(source, stopped_us), b = moments_of(destination, stopped_us);
  for (const char* name :
       {moments::kClose, moments::kSwitched, moments::kContinue, moments::kGrant})
    if (!a.contains(name)) return not_found(std::format("the source tells no {}", name));
  for (const char* name : {moments::kLoaded, moments::kRun})
    if (!b.contains(name)) return not_found(std::format("the destination tells no {}", name));
  const auto ms = [](std::int64_t from, std::int64_t to) {
    return static_cast<double>(to - from) / 1000;
  };
  const std::int64_t close = a.at(moments::kClose).at_us;
  const std::int64_t switched = a.at(moments::kSwitched).at_us;
  const std::int64_t go_on = a.at(moments::kContinue).at_us;
  const std::int64_t loaded = b.at(moments::kLoaded).at_us;
  const std::int64_t grant = a.at(moments::kGrant).at_us;
  const std::int64_t run = b.at(moments::kRun).at_us;
  return Pause{.stop = ms(stopped_us, close),
               .switched = ms(close, switched),
               .mirror = ms(switched, go_on),
               .rest = ms(go_on, loaded),
               .grant = ms(loaded, grant),
               .accepted = ms(grant, run),
               .resume = ms(run, resumed_us),
               .wire_bytes = a.at(moments::kGrant).sent_bytes - a.at(moments::kClose).sent_bytes};
}

}  // namespace godwit::bench
