#include "agent/images.h"

#include <algorithm>
#include <format>

namespace godwit::agent {

bool Images::want(const std::set<std::string>& wanted, Time now, Step& step) {
  wanted_ = wanted;
  const auto unwanted = [&](const std::string& sha256) { return !wanted_.contains(sha256); };
  std::erase_if(failed_, [&](const auto& entry) { return unwanted(entry.first); });
  const bool changed = std::erase_if(here_, unwanted) > 0;
  bring_next(now, step);
  return changed;
}

bool Images::on_brought(const ImageBrought& brought, Time now, Step& step) {
  if (under_way_ == brought.sha256) under_way_.reset();
  bool changed = false;
  if (wanted_.contains(brought.sha256) && brought.end) {
    failed_.erase(brought.sha256);
    changed = here_.insert(brought.sha256).second;
  } else if (wanted_.contains(brought.sha256)) {
    Failure& failure = failed_[brought.sha256];
    failure.again = now + std::min(config_.image_retry_max,
                                   config_.image_retry * (1 << std::min(failure.times, 10)));
    if (++failure.times == 1)
      step.commands.push_back(
          Note{{}, std::format("image is not brought: {}", to_string(brought.end.error()))});
  }
  bring_next(now, step);
  return changed;
}

void Images::on_time(Time now, Step& step) { bring_next(now, step); }

void Images::bring_next(Time now, Step& step) {
  if (under_way_) return;
  for (const std::string& sha256 : wanted_) {
    if (here_.contains(sha256)) continue;
    const auto failure = failed_.find(sha256);
    if (failure != failed_.end() && failure->second.again > now) continue;
    under_way_ = sha256;
    step.commands.push_back(BringImage{sha256});
    return;
  }
}

std::optional<Time> Images::wake() const {
  if (under_way_) return std::nullopt;
  std::optional<Time> first;
  for (const auto& [sha256, failure] : failed_)
    if (!first || failure.again < *first) first = failure.again;
  return first;
}

}  // namespace godwit::agent
