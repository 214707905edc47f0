// The operator's commands, as JSON values. A request is {"command": NAME, ...}; an answer has "ok":
// true, or "error" with the reason and "code" with the name of its Code.
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
//   exec     {instance, argv [...]}  -> {exit, output}; needs a real instance: see service.h
#pragma once

#include "base/error.h"
#include "lib/json/json.h"
#include "localcloud/cloud.h"

namespace godwit::localcloud {

json::Value admin_answer(Cloud& cloud, const json::Value& request, Time now);

// The answer that says why not.
json::Value refusal(const Error& error);

}  // namespace godwit::localcloud
