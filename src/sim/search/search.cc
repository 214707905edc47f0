#include "sim/search/search.h"

#include <algorithm>
#include <deque>
#include <ranges>
#include <unordered_map>
#include <unordered_set>

namespace godwit::search {
namespace {

// 128 bits: among 10^8 worlds two share one with a probability of 10^-23.
struct Fingerprint {
  std::uint64_t a = 0, b = 0;
  bool operator==(const Fingerprint&) const = default;
};
struct FingerprintHash {
  std::size_t operator()(const Fingerprint& f) const { return f.a; }
};

std::uint64_t mix(std::uint64_t x) {  // The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

Fingerprint fingerprint(const std::string& bytes) {
  Fingerprint f{0x9e3779b97f4a7c15ULL, 0xc2b2ae3d27d4eb4fULL};
  for (std::size_t i = 0; i < bytes.size(); i += 8) {
    std::uint64_t word = 0;
    for (std::size_t j = i; j < std::min(i + 8, bytes.size()); ++j)
      word = word << 8U | static_cast<unsigned char>(bytes[j]);
    f.a = mix(f.a ^ word);
    f.b = mix(f.b + word * 0x9ddfea08eb382d69ULL);
  }
  f.a = mix(f.a ^ bytes.size());
  return f;
}

using Seen = std::unordered_set<Fingerprint, FingerprintHash>;

class Search {
 public:
  Search(const Rules& rules, const Bounds& bounds, const Effort& effort)
      : model_(rules, bounds), effort_(effort) {}

  Found go() {
    const World first = model_.first();
    add(first, 0, 0);
    for (std::uint32_t at = 0; !frontier_.empty() && !found_.violation; ++at) {
      if (trail_.size() > effort_.most) return finish(false);
      const World world = std::move(frontier_.front());
      frontier_.pop_front();
      expand(world, at);
      if (!found_.violation && effort_.liveness && world.row.generation > 0 && !Model::runs(world))
        check_liveness(world, at);
    }
    return finish(!found_.violation);
  }

 private:
  // How a world was first reached: which step of which world.
  struct Trail {
    std::uint32_t parent = 0;
    std::uint16_t step = 0;
    std::uint16_t depth = 0;
  };

  Fingerprint print_of(const World& world) {
    model_.pack(world, bytes_);
    return fingerprint(bytes_);
  }

  void add(const World& world, std::uint32_t parent, std::uint16_t step) {
    if (!seen_.insert(print_of(world)).second) return;
    const int depth = trail_.empty() ? 0 : trail_[parent].depth + 1;
    trail_.push_back({parent, step, static_cast<std::uint16_t>(depth)});
    frontier_.push_back(world);
  }

  void expand(const World& world, std::uint32_t at) {
    std::uint16_t number = 0;
    model_.each_step(world, Steps::kAll, [&](Transition&& out, const auto& label) {
      ++found_.transitions;
      if (!out.broken.empty()) {
        tell(out.broken, at, label());
        found_.violation->world = model_.describe(out.next);
        return false;
      }
      add(out.next, at, number++);
      return true;
    });
  }

  void check_liveness(const World& world, std::uint32_t at) {
    const bool alive = std::ranges::any_of(world.nodes, [](const auto& n) { return !n.dead; });
    if (!alive) return;
    const bool token = Model::token_lives(world);
    if (token && reaches(world, Steps::kAgentsAlone, agents_reach_)) {
      ++found_.agents_suffice;
      return;
    }
    if (token) return tell_stuck("S6: the agents alone do not reach a running guest", world, at);
    ++found_.control_needed;
    if (!reaches(world, Steps::kHelpful, control_reaches_))
      tell_stuck("S4: no running guest can be reached", world, at);
  }

  // Depth first: steps come in an order that finds a way soon. The way is remembered.
  bool reaches(const World& world, Steps steps, Seen& good) {
    struct Tried {
      Fingerprint print;
      std::size_t parent = 0;
    };
    std::vector<Tried> tried;
    Seen seen;
    std::vector<std::pair<World, std::size_t>> open{{world, 0}};
    while (!open.empty() && tried.size() < kTriedMax) {
      const auto [here, parent] = std::move(open.back());
      open.pop_back();
      const Fingerprint print = print_of(here);
      if (Model::runs(here) || good.contains(print)) {
        good.insert(print);
        for (std::size_t i = parent; !tried.empty(); i = tried[i].parent) {
          good.insert(tried[i].print);
          if (i == 0) break;
        }
        return true;
      }
      if (!seen.insert(print).second) continue;
      tried.push_back({print, parent});
      const std::size_t first = open.size();
      model_.each_step(here, steps, [&](Transition&& out, const auto&) {
        open.emplace_back(std::move(out.next), tried.size() - 1);
        return true;
      });
      std::reverse(open.begin() + static_cast<std::ptrdiff_t>(first), open.end());
    }
    return false;
  }

  void tell_stuck(const std::string& property, const World& world, std::uint32_t at) {
    tell(property, at, "");
    found_.violation->world = model_.describe(world);
  }

  // Repeats the steps from the first world on, now with their names.
  void tell(const std::string& property, std::uint32_t at, const std::string& last) {
    Violation v{property, trail_[at].depth + (last.empty() ? 0 : 1), {}, {}};
    std::vector<std::uint16_t> steps;
    for (std::uint32_t i = at; i != 0; i = trail_[i].parent) steps.push_back(trail_[i].step);
    World world = model_.first();
    for (const std::uint16_t step : steps | std::views::reverse) {
      std::uint16_t number = 0;
      World next;
      model_.each_step(world, Steps::kAll, [&](Transition&& out, const auto& label) {
        if (number++ != step) return true;
        v.story.push_back(label());
        next = std::move(out.next);
        return false;
      });
      world = next;
    }
    if (!last.empty()) v.story.push_back(last);
    found_.violation = std::move(v);
  }

  Found finish(bool exhausted) {
    found_.worlds = trail_.size();
    found_.exhausted = exhausted;
    for (const auto& [name, times] : model_.taken()) found_.rows.insert(name);
    return std::move(found_);
  }

  static constexpr std::size_t kTriedMax = 300'000;

  Model model_;
  const Effort effort_;
  Found found_;
  std::string bytes_;
  std::deque<World> frontier_;
  std::vector<Trail> trail_;  // In the order in which worlds were found, which is breadth first.
  Seen seen_, agents_reach_, control_reaches_;
};

}  // namespace

Found explore(const Rules& rules, const Bounds& bounds, const Effort& effort) {
  return Search(rules, bounds, effort).go();
}

}  // namespace godwit::search
