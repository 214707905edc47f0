#include "localcloud/admin.h"

#include "localcloud/actions.h"
#include "localcloud/text.h"

namespace godwit::localcloud {
namespace {

using json::Value;

Value ok() {
  Value answer;
  answer.set("ok", true);
  return answer;
}

Value answer_of(const Status& status) { return status ? ok() : refusal(status.error()); }

Result<std::pair<Pool, bool>> pool_of(const std::string& text) {
  const auto parts = split(text, '/');
  if (parts.size() == 3 && parts[2] == "on-demand")
    return std::pair{Pool{std::string(parts[0]), std::string(parts[1])}, false};
  if (parts.size() != 2) return invalid(std::format("'{}' is not TYPE/ZONE", text));
  return std::pair{Pool{std::string(parts[0]), std::string(parts[1])}, true};
}

Value price(Cloud& cloud, const Value& request, Time now) {
  const auto pool = pool_of(request["pool"].text());
  if (!pool) return refusal(pool.error());
  std::optional<MicroUsdPerHour> value;
  if (const std::string usd = request["usd"].text(); usd != "auto") {
    const auto parsed = parse_usd(usd);
    if (!parsed) return refusal(parsed.error());
    value = *parsed;
  }
  const auto from = cloud.set_price(pool->first, value, now);
  if (!from) return refusal(from.error());
  return ok().set("from", time_text_seconds(*from));
}

Value capacity(Cloud& cloud, const Value& request, Time now) {
  const auto pool = pool_of(request["pool"].text());
  if (!pool) return refusal(pool.error());
  std::optional<int> count;
  if (request["count"].is_integer()) {
    if (request["count"].integer() < 0 || request["count"].integer() > 1'000'000)
      return refusal({Code::kInvalidArgument, "count is not 0 to 1,000,000"});
    count = static_cast<int>(request["count"].integer());
  } else if (request["count"].text() != "auto") {
    return refusal({Code::kInvalidArgument, "count is neither a number nor auto"});
  } else if (pool->second) {
    count = cloud.config().pool_capacity;
  }
  return answer_of(cloud.set_capacity(pool->first, pool->second, count, now));
}

Value status(const Cloud& cloud, Time now) {
  Value::Array instances, pools;
  for (const Instance* i : cloud.all()) {
    Value item;
    item.set("instance", i->id).set("type", i->spec.type).set("zone", i->spec.zone);
    item.set("lifecycle", i->spec.spot ? "spot" : "on-demand").set("state", state_name(i->state));
    item.set("address", i->address).set("launched", time_text_seconds(i->launched));
    if (i->spec.spot) item.set("max_usd", usd_text(*i->spec.max_price));
    if (i->interruption && !i->ended)
      item.set("goes_at", time_text_seconds(i->interruption->at))
          .set("notice_given", i->interruption->told);
    instances.push_back(item);
  }
  for (const auto& [pool, series] : cloud.market().series()) {
    Value item;
    item.set("type", pool.type).set("zone", pool.zone);
    item.set("usd", usd_text(cloud.market().price(pool, now)));
    const auto count = cloud.market().capacity(pool, true);
    item.set("capacity", count ? Value(*count) : Value("unlimited"));
    pools.push_back(item);
  }
  return ok().set("instances", instances).set("pools", pools).set("time", time_text_seconds(now));
}

Value bill(const Cloud& cloud, Time now) {
  Value::Array items;
  MicroUsd total;
  for (const BillItem& i : cloud.bill(now)) {
    Value item;
    item.set("instance", i.instance).set("lifecycle", i.spot ? "spot" : "on-demand");
    item.set("type", i.pool.type).set("zone", i.pool.zone);
    item.set("start", time_text_seconds(i.start));
    item.set("end", i.end ? Value(time_text_seconds(*i.end)) : Value());
    item.set("seconds", i.charge.seconds).set("micro_usd", i.charge.amount.value);
    item.set("ended_by_cloud", i.ended_by_cloud);
    total += i.charge.amount;
    items.push_back(item);
  }
  return ok()
      .set("items", items)
      .set("total_micro_usd", total.value)
      .set("time", time_text_seconds(now));
}

}  // namespace

Value admin_answer(Cloud& cloud, const Value& request, Time now) {
  cloud.advance(now);
  const std::string command = request["command"].text();
  const std::string instance = request["instance"].text();
  if (command == "price") return price(cloud, request, now);
  if (command == "capacity") return capacity(cloud, request, now);
  if (command == "reclaim")
    return answer_of(cloud.reclaim(instance, request["notice"].boolean(true), now));
  if (command == "kill") return answer_of(cloud.end(instance, EndReason::kFailure, now));
  if (command == "status") return status(cloud, now);
  if (command == "bill") return bill(cloud, now);
  return refusal({Code::kInvalidArgument, std::format("no command '{}'", command)});
}

Value refusal(const Error& error) {
  Value answer;
  answer.set("error", error.message).set("code", name(error.code));
  return answer;
}

}  // namespace godwit::localcloud
