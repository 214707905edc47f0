#include "localcloud/admin.h"

#include <charconv>

#include "localcloud/actions.h"
#include "localcloud/text.h"

namespace godwit::localcloud {
namespace {

using json::Value;

constexpr const char* kUsage =
    "price TYPE/ZONE USD|auto | capacity TYPE/ZONE[/on-demand] N|auto | reclaim INSTANCE "
    "[--no-notice] | kill INSTANCE | exec INSTANCE -- CMD ARG... | status | bill";

Value ok() {
  Value answer;
  answer.set("ok", true);
  return answer;
}

Value error(const Error& e) {
  Value answer;
  answer.set("error", to_string(e));
  return answer;
}

Value answer_of(const Status& status) { return status ? ok() : error(status.error()); }

Result<std::pair<Pool, bool>> pool_of(const std::string& text) {
  const auto parts = split(text, '/');
  if (parts.size() == 3 && parts[2] == "on-demand")
    return std::pair{Pool{std::string(parts[0]), std::string(parts[1])}, false};
  if (parts.size() != 2) return invalid(std::format("'{}' is not TYPE/ZONE", text));
  return std::pair{Pool{std::string(parts[0]), std::string(parts[1])}, true};
}

Value price(Cloud& cloud, const Value& request, Time now) {
  const auto pool = pool_of(request["pool"].text());
  if (!pool) return error(pool.error());
  std::optional<MicroUsdPerHour> value;
  if (const std::string usd = request["usd"].text(); usd != "auto") {
    const auto parsed = parse_usd(usd);
    if (!parsed) return error(parsed.error());
    value = *parsed;
  }
  const auto from = cloud.set_price(pool->first, value, now);
  if (!from) return error(from.error());
  return ok().set("from", time_text_seconds(*from));
}

Value capacity(Cloud& cloud, const Value& request, Time now) {
  const auto pool = pool_of(request["pool"].text());
  if (!pool) return error(pool.error());
  std::optional<int> count;
  if (request["count"].is_integer()) {
    if (request["count"].integer() < 0 || request["count"].integer() > 1'000'000)
      return error({Code::kInvalidArgument, "count is not 0 to 1,000,000"});
    count = static_cast<int>(request["count"].integer());
  } else if (request["count"].text() != "auto") {
    return error({Code::kInvalidArgument, "count is neither a number nor auto"});
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
  return error({Code::kInvalidArgument, std::format("no command '{}'", command)});
}

Result<Value> admin_request(const std::vector<std::string>& words) {
  Value request;
  const auto count = words.size();
  const std::string command = words.empty() ? "" : words[0];
  request.set("command", command);
  if (command == "price" && count == 3) return request.set("pool", words[1]).set("usd", words[2]);
  if (command == "capacity" && count == 3) {
    int number = 0;
    const char* end = words[2].data() + words[2].size();
    const bool is_number = std::from_chars(words[2].data(), end, number).ptr == end;
    return request.set("pool", words[1]).set("count", is_number ? Value(number) : Value(words[2]));
  }
  if (command == "reclaim" && count == 2) return request.set("instance", words[1]);
  if (command == "reclaim" && count == 3 && words[2] == "--no-notice")
    return request.set("instance", words[1]).set("notice", false);
  if (command == "kill" && count == 2) return request.set("instance", words[1]);
  if (command == "exec" && count >= 4 && words[2] == "--") {
    Value::Array argv(words.begin() + 3, words.end());
    return request.set("instance", words[1]).set("argv", argv);
  }
  // JSON is the only output there is; "-o json" is taken for those who ask for it.
  const bool plain = count == 1 || (count == 3 && words[1] == "-o" && words[2] == "json");
  if ((command == "status" || command == "bill") && plain) return request;
  return invalid(std::format("usage: godwit-cloud ctl [--socket PATH] {}", kUsage));
}

}  // namespace godwit::localcloud
