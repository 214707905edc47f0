// What the fleet has cost, from what the provider's API has shown: never from a bill.
#include "core/market/ledger.h"

#include <algorithm>
#include <format>

#include "control/control.h"

namespace godwit::control {
namespace {

market::LedgerInstance instance_of(const ports::NodeRow& row, MicroUsdPerHour on_demand, Time now) {
  return {.instance = row.instance,
          .pool = {row.type, row.zone},
          .spot = row.spot,
          .on_demand = on_demand,
          .usage = {.launched = row.launched,
                    .until = std::max(row.launched, row.ended > Time{} ? row.ended : now),
                    .ended_by_provider = row.ended_by_provider}};
}

}  // namespace

ports::Answer Control::ledger(Time now) const {
  if (!config_.provider) return precondition("no provider is configured: nothing is paid for");
  ports::LedgerView view{.from = now, .until = now};
  std::vector<market::LedgerInstance> instances;
  std::map<market::Pool, std::vector<market::PriceChange>> prices;
  std::map<std::string, ports::LedgerItem> items;
  for (const auto& [id, row] : instances_.rows()) {
    if (row.instance.empty()) continue;
    const market::Pool pool{row.type, row.zone};
    const auto on_demand = market_.rate({pool, fleet::CapacityType::kOnDemand});
    instances.push_back(instance_of(row, on_demand.value_or(MicroUsdPerHour{}), now));
    if (const auto* changes = market_.prices(pool)) prices[pool] = *changes;
    const market::Usage& usage = instances.back().usage;
    items[row.instance] = {.instance = row.instance,
                           .node = id,
                           .spot = row.spot,
                           .instance_type = row.type,
                           .zone = row.zone,
                           .start = row.launched,
                           .end = row.ended > Time{} ? std::optional{row.ended} : std::nullopt,
                           .seconds = market::used_seconds(usage)};
    view.from = std::min(view.from, row.launched);
  }
  const market::Ledger ledger = market::make_ledger(config_.provider->billing, instances, prices);
  if (!ledger.unpriced.empty())
    return unavailable(std::format("no price is known for the launch of {} yet: ask again",
                                   ledger.unpriced.front()));
  for (const market::BillLine& line : ledger.lines) items[line.instance].cost = line.cost;
  for (auto& [id, item] : items) view.items.push_back(std::move(item));
  view.paid = ledger.paid;

  std::vector<market::PlainType> types;
  for (const auto& [name, type] : market_.types())
    if (const auto rate = config_.provider->on_demand.find(name);
        rate != config_.provider->on_demand.end())
      types.push_back({type.memory_mib, type.vcpus, rate->second});
  std::vector<market::GuestLife> lives;
  for (const auto& [id, owner] : guests_) {
    const ports::GuestRow& row = owner.row();
    if (row.group.value.empty()) continue;
    lives.push_back(
        {row.machine.memory_mib, row.machine.vcpus, row.born, owner.ending() ? row.ended : now});
  }
  const auto instead = market::on_demand_instead(lives, types, config_.provider->billing.period_s);
  if (!instead) return precondition("a guest fits no type: there is nothing to compare with");
  view.on_demand = instead->cost;
  view.on_demand_of = std::format(
      "the cheapest plain on-demand instances that would have held the guests, without nesting, "
      "for "
      "the same seconds{}",
      instead->exact ? "" : " (a lower bound of it)");
  return view;
}

}  // namespace godwit::control
