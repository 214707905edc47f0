#include "core/plan/text.h"

#include <cstdlib>
#include <format>

namespace godwit::plan {
namespace {

std::string fixed(std::int64_t micro) {
  return std::format("{}{}.{:06}", micro < 0 ? "-" : "", std::abs(micro) / 1'000'000,
                     std::abs(micro) % 1'000'000);
}

std::string names(const auto& ids) {
  std::string out;
  for (const auto& id : ids) out += (out.empty() ? "" : ", ") + id.value;
  return out.empty() ? "nobody" : out;
}

std::string reasons(const std::vector<Term>& terms, const std::vector<Rejected>& rejected) {
  std::string out;
  for (const Term& t : terms) out += std::format("    {} {}\n", t.name, dollars(t.amount));
  for (const Rejected& r : rejected)
    out += std::format("    not {}: {}\n", to_text(r.offering), r.why);
  return out;
}

struct Print {
  std::string operator()(const Launch& a) const {
    const std::string bid = a.bid ? ", at most " + to_text(*a.bid) : "";
    return std::format("launch {} {} at {}{}, {} for {}\n", a.node.value, to_text(a.offering),
                       to_text(a.rate), bid, fleet::to_string(a.reason), names(a.guests)) +
           reasons(a.terms, a.rejected);
  }
  std::string operator()(const Place& a) const {
    return std::format("place {} on {}, {}\n", a.guest.value, a.node.value,
                       fleet::to_string(a.reason));
  }
  std::string operator()(const Move& a) const {
    return std::format("move {} from {} to {}, {}\n", a.guest.value, a.from.value, a.to.value,
                       fleet::to_string(a.reason)) +
           reasons(a.terms, a.rejected);
  }
  std::string operator()(const Stay& a) const {
    return std::format("stay {} on {}: {}\n", a.guest.value, a.node.value, a.why);
  }
  std::string operator()(const Terminate& a) const {
    return std::format("terminate {}: {}\n", a.node.value, a.why);
  }
  std::string operator()(const Abandon& a) const {
    return std::format("abandon {}: {}\n", a.node.value, a.why);
  }
};

}  // namespace

std::string to_text(const fleet::OfferingKey& key) {
  return std::format("{}/{} {}", key.pool.type, key.pool.zone,
                     key.capacity == fleet::CapacityType::kSpot ? "spot" : "on-demand");
}

std::string to_text(MicroUsdPerHour rate) { return fixed(rate.value) + " $/h"; }

std::string dollars(MicroUsd amount) { return fixed(amount.value) + " $"; }

std::string to_text(const Plan& plan) {
  std::string out;
  for (const Action& action : plan.actions) out += std::visit(Print{}, action);
  for (const auto& [guest, why] : plan.unplaceable)
    out += std::format("unplaceable {}: {}\n", guest.value, why);
  for (const auto& [guest, nodes] : plan.escapes)
    out += std::format("escape {}: {}\n", guest.value, names(nodes));
  for (const auto& [node, slack] : plan.slack)
    out += std::format("slack {}: {} s{}\n", node.value, slack.seconds,
                       slack.reserved ? "" : ", not reserved");
  for (const auto& [pool, slack] : plan.pool_slack)
    out += std::format("slack {}/{}: {} s{}\n", pool.type, pool.zone, slack.seconds,
                       slack.reserved ? "" : ", not reserved");
  for (const std::string& warning : plan.warnings) out += std::format("warning {}\n", warning);
  return out;
}

}  // namespace godwit::plan
