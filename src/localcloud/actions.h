// One function per action of the API: reads the query, asks or changes the cloud, writes the answer
// without its requestId.
#pragma once

#include "lib/xml/xml.h"
#include "localcloud/cloud.h"
#include "localcloud/query.h"

namespace godwit::localcloud {

struct Call {
  Query& query;
  Cloud& cloud;
  Time now;
};
using Answer = Outcome<xml::Element>;  // The element's name does not matter.

Answer run_instances(Call& call);
Answer describe_instances(Call& call);
Answer terminate_instances(Call& call);
Answer describe_spot_price_history(Call& call);
Answer describe_spot_instance_requests(Call& call);
Answer cancel_spot_instance_requests(Call& call);
Answer describe_instance_types(Call& call);
Answer describe_instance_type_offerings(Call& call);
Answer describe_availability_zones(Call& call);
Answer describe_regions(Call& call);
Answer describe_images(Call& call);
Answer create_tags(Call& call);
Answer describe_tags(Call& call);
Answer delete_tags(Call& call);

// Shared by several of them.
std::optional<Refusal> dry_run(Call& call);  // Reads DryRun, then finish(): DryRunOperation.
std::string subnet_id(const Catalog& catalog, std::string_view zone);
void add_instance(const Cloud& cloud, const Instance& instance, xml::Element& set);
void add_reservation(const Cloud& cloud, const std::vector<const Instance*>& instances,
                     xml::Element& into);
void add_tags(const Tags& tags, xml::Element& item);  // <tagSet>, if there are any.
void add_state(const Instance& instance, const char* name, xml::Element& item);
std::string state_name(InstanceState state);
std::optional<Refusal> check_instance_ids(Call& call, const std::vector<std::string>& ids);

// Returns the refusal of a Call's checks to the caller.
#define REFUSE_IF(expr) \
  if (auto refusal_ = (expr)) return std::unexpected(std::move(*refusal_))

}  // namespace godwit::localcloud
