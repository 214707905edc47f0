// The operator's commands, as JSON values. A request is {"command": NAME, ...}; an answer has "ok":
// true, or "error" with the reason.
//
//   price    {pool "TYPE/ZONE", usd "0.03"|"auto"}     holds until set again; -> {from}
//   capacity {pool "TYPE/ZONE[/on-demand]", count N|"auto"}
//   reclaim  {instance, notice true|false}
//   kill     {instance}                                 as if the host under it died
//   status   {}   -> {instances [...], pools [...], time}; with real instances
//            also network {dropped_by_source_check N, dropped_by_destination_check N} (packets)
//   bill     {}   -> {items [{instance, lifecycle, type, zone, start, end, seconds, micro_usd,
//                     ended_by_cloud}], total_micro_usd, time}; end null: it runs, charged until
//                     now
// `exec` needs a real instance: see service.h.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "lib/json/json.h"
#include "localcloud/cloud.h"

namespace godwit::localcloud {

json::Value admin_answer(Cloud& cloud, const json::Value& request, Time now);

// The request for the words of a command line: "price", "c8i.large/us-east-1a", "0.03".
// InvalidArgument with the usage.
Result<json::Value> admin_request(const std::vector<std::string>& words);

}  // namespace godwit::localcloud
