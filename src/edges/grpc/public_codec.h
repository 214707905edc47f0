// ports/api.h to and from api/godwit/v1; only for this folder's .cc files.
#pragma once

#include "base/error.h"
#include "ports/api.h"

namespace google::protobuf {
class Timestamp;
}

namespace godwit::v1 {
class ApplyGroupRequest;
class Change;
class CordonNodeRequest;
class DeleteGroupRequest;
class Deleted;
class DrainNodeRequest;
class Draining;
class Event;
class EventList;
class ExecRequest;
class ExecResult;
class Group;
class GroupList;
class GetLedgerRequest;
class GetPlanRequest;
class GroupSpec;
class Guest;
class GuestList;
class LedgerSummary;
class ListEventsRequest;
class ListGroupsRequest;
class ListGuestsRequest;
class ListMovesRequest;
class ListNodesRequest;
class ListOfferingsRequest;
class ListIntentsRequest;
class Intent;
class IntentList;
class LogPage;
class MigrateGuestRequest;
class Move;
class MoveList;
class Node;
class NodeList;
class Offering;
class OfferingList;
class Plan;
class ReadLogsRequest;
class UncordonNodeRequest;
}  // namespace godwit::v1

namespace godwit::grpc_edge {

// Fills in the defaults. InvalidArgument, "FIELD: what: how to fix it", also for a spec that does
// not pass ports::check().
Result<ports::GroupSpec> from_wire(const v1::GroupSpec& spec);
Result<ports::RequestBody> from_wire(const v1::ApplyGroupRequest& request);
Result<ports::RequestBody> from_wire(const v1::DeleteGroupRequest& request);
Result<ports::RequestBody> from_wire(const v1::ListGroupsRequest& request);
Result<ports::RequestBody> from_wire(const v1::ListGuestsRequest& request);
Result<ports::RequestBody> from_wire(const v1::MigrateGuestRequest& request);
Result<ports::RequestBody> from_wire(const v1::ReadLogsRequest& request);
Result<ports::RequestBody> from_wire(const v1::ExecRequest& request);
Result<ports::RequestBody> from_wire(const v1::ListNodesRequest& request);
Result<ports::RequestBody> from_wire(const v1::CordonNodeRequest& request);
Result<ports::RequestBody> from_wire(const v1::UncordonNodeRequest& request);
Result<ports::RequestBody> from_wire(const v1::DrainNodeRequest& request);
Result<ports::RequestBody> from_wire(const v1::ListEventsRequest& request);
Result<ports::RequestBody> from_wire(const v1::ListMovesRequest& request);
Result<ports::RequestBody> from_wire(const v1::ListOfferingsRequest& request);
Result<ports::RequestBody> from_wire(const v1::ListIntentsRequest& request);
Result<ports::RequestBody> from_wire(const v1::GetLedgerRequest& request);
Result<ports::RequestBody> from_wire(const v1::GetPlanRequest& request);

// Strings that are not UTF-8 are repaired with '?'.
void to_wire(const ports::GroupSpec& spec, v1::GroupSpec& wire);
void to_wire(const ports::GroupView& view, v1::Group& wire);
void to_wire(const ports::GuestView& view, v1::Guest& wire);
void to_wire(const ports::NodeView& view, v1::Node& wire);
void to_wire(const ports::EventView& view, v1::Event& wire);
void to_wire(const ports::Done& done, v1::Deleted& wire);
void to_wire(const ports::DrainView& view, v1::Draining& wire);
void to_wire(const ports::LogPage& page, v1::LogPage& wire);
void to_wire(const ports::ExecResult& result, v1::ExecResult& wire);
void to_wire(const ports::Listing<ports::GroupView>& list, v1::GroupList& wire);
void to_wire(const ports::Listing<ports::GuestView>& list, v1::GuestList& wire);
void to_wire(const ports::Listing<ports::NodeView>& list, v1::NodeList& wire);
void to_wire(const ports::Listing<ports::EventView>& list, v1::EventList& wire);
void to_wire(const ports::MoveView& view, v1::Move& wire);
void to_wire(const ports::OfferingView& view, v1::Offering& wire);
void to_wire(const ports::LedgerView& view, v1::LedgerSummary& wire);
void to_wire(const ports::PlanView& view, v1::Plan& wire);
void to_wire(const ports::Listing<ports::MoveView>& list, v1::MoveList& wire);
void to_wire(const ports::Listing<ports::OfferingView>& list, v1::OfferingList& wire);
void to_wire(const ports::IntentView& view, v1::Intent& wire);
void to_wire(const ports::Listing<ports::IntentView>& list, v1::IntentList& wire);
void to_wire(const ports::Change& change, v1::Change& wire);

void write_time(Time at, google::protobuf::Timestamp* wire);
// `value`, or `absent` for 0, at most `most`.
std::uint32_t bounded(std::uint32_t value, std::uint32_t absent, std::uint32_t most);

}  // namespace godwit::grpc_edge
