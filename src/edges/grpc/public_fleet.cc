// Moves, plans, offerings and the ledger to the wire, and the requests for them.
#include <algorithm>
#include <cmath>

#include "edges/grpc/public_codec.h"
#include "edges/grpc/utf8.h"
#include "godwit/v1/services.pb.h"

namespace godwit::grpc_edge {
namespace {

constexpr std::uint32_t kMovesDefault = 100, kMovesMax = 10'000;
constexpr double kMicro = 1e6, kMicrosPerMilli = 1e3, kPercent = 100;

// Scores are floating point; a decision's terms are shown to the micro-dollar. What is no number,
// or beyond any sum of dollars, shows as the limit of what is shown.
std::int64_t micro_usd(double usd) {
  constexpr double kMost = 1e15;
  if (std::isnan(usd)) return 0;
  return std::llround(std::clamp(usd * kMicro, -kMost, kMost));
}

template <class View, class Wire>
void write_decision(const View& view, Wire& wire) {
  for (const auto& term : view.terms) {
    v1::Term& to = *wire.add_terms();
    to.set_name(valid_utf8(term.name));
    to.set_micro_usd(micro_usd(term.usd));
  }
  for (const auto& other : view.rejected) {
    v1::Rejected& to = *wire.add_rejected();
    to.set_what(valid_utf8(other.what));
    to.set_why(valid_utf8(other.why));
    to.set_micro_usd(micro_usd(other.usd));
  }
}

void to_wire(const ports::PlannedGuest& guest, v1::PlannedGuest& wire) {
  wire.set_guest(valid_utf8(guest.guest.value));
  if (guest.from) wire.set_from(valid_utf8(guest.from->value));
  if (guest.to) wire.set_to(valid_utf8(guest.to->value));
  wire.set_reason(valid_utf8(guest.reason));
  wire.set_why(valid_utf8(guest.why));
  wire.set_share_micro_usd_per_hour(guest.share.value);
  write_decision(guest, wire);
}

void to_wire(const ports::PlannedNode& node, v1::PlannedNode& wire) {
  wire.set_node(valid_utf8(node.node.value));
  wire.set_change(valid_utf8(node.change));
  wire.set_instance_type(valid_utf8(node.instance_type));
  wire.set_zone(valid_utf8(node.zone));
  wire.set_spot(node.spot);
  wire.set_rate_micro_usd_per_hour(node.rate.value);
  for (const auto& guest : node.guests) wire.add_guests(valid_utf8(guest.value));
  wire.set_reason(valid_utf8(node.reason));
  wire.set_why(valid_utf8(node.why));
  write_decision(node, wire);
}

void to_wire(const ports::LedgerItem& item, v1::LedgerItem& wire) {
  wire.set_instance(valid_utf8(item.instance));
  wire.set_node(valid_utf8(item.node.value));
  wire.set_spot(item.spot);
  wire.set_instance_type(valid_utf8(item.instance_type));
  wire.set_zone(valid_utf8(item.zone));
  write_time(item.start, wire.mutable_start());
  if (item.end) write_time(*item.end, wire.mutable_end());
  wire.set_seconds(item.seconds);
  wire.set_cost_micro_usd(item.cost.value);
}

}  // namespace

Result<ports::RequestBody> from_wire(const v1::ListMovesRequest& request) {
  ports::ListMoves asked;
  if (!request.guest().empty()) asked.guest = GuestId{request.guest()};
  if (request.has_number()) asked.number = request.number();
  asked.limit = bounded(request.limit(), kMovesDefault, kMovesMax);
  return asked;
}
Result<ports::RequestBody> from_wire(const v1::ListOfferingsRequest&) {
  return ports::ListOfferings{};
}
Result<ports::RequestBody> from_wire(const v1::ListIntentsRequest&) { return ports::ListIntents{}; }
Result<ports::RequestBody> from_wire(const v1::GetLedgerRequest&) { return ports::ReadLedger{}; }

Result<ports::RequestBody> from_wire(const v1::GetPlanRequest& request) {
  ports::ReadPlan asked;
  for (const v1::GroupSpec& spec : request.specs()) {
    ASSIGN_OR_RETURN(asked.specs.emplace_back(), from_wire(spec));
  }
  return asked;
}

void to_wire(const ports::PlanView& view, v1::Plan& wire) {
  write_time(view.at, wire.mutable_at());
  for (const auto& guest : view.guests) to_wire(guest, *wire.add_guests());
  for (const auto& node : view.nodes) to_wire(node, *wire.add_nodes());
  for (const auto& warning : view.warnings) wire.add_warnings(valid_utf8(warning));
}

void to_wire(const ports::MoveView& view, v1::Move& wire) {
  wire.set_number(view.number);
  wire.set_guest(valid_utf8(view.guest.value));
  wire.set_reason(valid_utf8(view.reason));
  wire.set_source(valid_utf8(view.source.value));
  wire.set_destination(valid_utf8(view.destination.value));
  wire.set_live(view.live);
  wire.set_state(static_cast<v1::Move::State>(1 + static_cast<int>(view.state)));
  write_time(view.began, wire.mutable_began());
  if (view.ended) {
    write_time(*view.ended, wire.mutable_ended());
    wire.set_total_ms(static_cast<double>((*view.ended - view.began).count()) / kMicrosPerMilli);
  }
  wire.set_stopped_us(view.stopped_us);
  wire.set_resumed_us(view.resumed_us);
  if (view.stopped_us && view.resumed_us)
    wire.set_downtime_ms(static_cast<double>(view.resumed_us - view.stopped_us) / kMicrosPerMilli);
  wire.set_bytes(view.bytes);
  wire.set_bytes_while_stopped(view.bytes_while_stopped);
  wire.set_why(valid_utf8(view.why));
  write_decision(view, wire);
}

void to_wire(const ports::OfferingView& view, v1::Offering& wire) {
  wire.set_cloud(valid_utf8(view.cloud));
  wire.set_region(valid_utf8(view.region));
  wire.set_zone(valid_utf8(view.zone));
  wire.set_instance_type(valid_utf8(view.instance_type));
  wire.set_spot(view.spot);
  wire.set_vcpus(view.vcpus);
  wire.set_memory_mib(view.memory_mib);
  wire.set_rate_micro_usd_per_hour(view.rate.value);
  wire.set_on_demand_micro_usd_per_hour(view.on_demand.value);
  wire.set_sound(view.sound);
  wire.set_why(valid_utf8(view.why));
}

void to_wire(const ports::IntentView& view, v1::Intent& wire) {
  wire.set_node(valid_utf8(view.node.value));
  wire.set_kind(view.kind);
  wire.set_instance_type(valid_utf8(view.instance_type));
  wire.set_zone(valid_utf8(view.zone));
  wire.set_spot(view.spot);
  wire.set_attempt(view.attempt);
  wire.set_instance(valid_utf8(view.instance));
  wire.set_why(valid_utf8(view.why));
}

void to_wire(const ports::LedgerView& view, v1::LedgerSummary& wire) {
  write_time(view.from, wire.mutable_from());
  write_time(view.until, wire.mutable_until());
  const MicroUsd saving = view.on_demand - view.paid;
  wire.set_paid_micro_usd(view.paid.value);
  wire.set_on_demand_micro_usd(view.on_demand.value);
  wire.set_saving_micro_usd(saving.value);
  if (view.on_demand.value != 0)
    wire.set_saving_percent(kPercent * static_cast<double>(saving.value) /
                            static_cast<double>(view.on_demand.value));
  wire.set_on_demand_of(valid_utf8(view.on_demand_of));
  for (const auto& item : view.items) to_wire(item, *wire.add_items());
}

void to_wire(const ports::Listing<ports::MoveView>& list, v1::MoveList& wire) {
  for (const auto& item : list.items) to_wire(item, *wire.add_moves());
  wire.set_version(list.version);
}
void to_wire(const ports::Listing<ports::OfferingView>& list, v1::OfferingList& wire) {
  for (const auto& item : list.items) to_wire(item, *wire.add_offerings());
  wire.set_version(list.version);
}
void to_wire(const ports::Listing<ports::IntentView>& list, v1::IntentList& wire) {
  for (const auto& item : list.items) to_wire(item, *wire.add_intents());
  wire.set_version(list.version);
}

}  // namespace godwit::grpc_edge
