#include "edges/grpc/public_codec.h"

#include <algorithm>
#include <format>
#include <string_view>
#include <type_traits>

#include "edges/grpc/utf8.h"
#include "godwit/v1/services.pb.h"

namespace godwit::grpc_edge {
namespace {

constexpr std::uint32_t kEventsDefault = 100, kLogLinesDefault = 1000;
// A page of the longest lines (64 KiB) still fits into what a client takes.
constexpr std::uint32_t kLogLinesMax = 10'000, kEventsMax = 10'000;
constexpr std::uint32_t kExecTimeoutMs = 60'000;

template <class Named>
Result<Named> named(std::string_view field, const std::string& value) {
  if (value.empty()) return invalid(std::format("{}: is missing: name it", field));
  return Named{value};
}
template <class Named>
std::optional<Named> perhaps(const std::string& value) {
  if (value.empty()) return std::nullopt;
  return Named{value};
}
template <class Named>
std::string text(const std::optional<Named>& name) {
  return name ? valid_utf8(name->value) : "";
}

}  // namespace

void write_time(Time at, google::protobuf::Timestamp* wire) {
  const auto micros = at.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(micros);
  wire->set_seconds(seconds.count());
  wire->set_nanos(static_cast<std::int32_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(micros - seconds).count()));
}

std::uint32_t bounded(std::uint32_t value, std::uint32_t absent, std::uint32_t most) {
  return std::min(value == 0 ? absent : value, most);
}

Result<ports::RequestBody> from_wire(const v1::ApplyGroupRequest& request) {
  ASSIGN_OR_RETURN(auto spec, from_wire(request.spec()));
  return ports::ApplyGroup{std::move(spec), request.dry_run(), request.new_only()};
}
Result<ports::RequestBody> from_wire(const v1::DeleteGroupRequest& request) {
  ASSIGN_OR_RETURN(auto group, named<GroupId>("group", request.group()));
  return ports::DeleteGroup{std::move(group)};
}
Result<ports::RequestBody> from_wire(const v1::ListGroupsRequest& request) {
  return ports::ListGroups{perhaps<GroupId>(request.group())};
}
Result<ports::RequestBody> from_wire(const v1::ListGuestsRequest& request) {
  return ports::ListGuests{perhaps<GuestId>(request.guest()), perhaps<GroupId>(request.group())};
}
Result<ports::RequestBody> from_wire(const v1::MigrateGuestRequest& request) {
  ASSIGN_OR_RETURN(auto guest, named<GuestId>("guest", request.guest()));
  ASSIGN_OR_RETURN(auto to, named<NodeId>("to", request.to()));
  return ports::MigrateGuest{std::move(guest), std::move(to)};
}
Result<ports::RequestBody> from_wire(const v1::ReadLogsRequest& request) {
  ASSIGN_OR_RETURN(auto guest, named<GuestId>("guest", request.guest()));
  return ports::ReadLogs{std::move(guest), std::max<std::uint64_t>(request.from(), 1),
                         bounded(request.limit(), kLogLinesDefault, kLogLinesMax)};
}
Result<ports::RequestBody> from_wire(const v1::ExecRequest& request) {
  ASSIGN_OR_RETURN(auto guest, named<GuestId>("guest", request.guest()));
  if (request.command_size() == 0 || request.command(0).empty())
    return invalid("command: is missing: name the program to run");
  return ports::ExecInGuest{std::move(guest),
                            {request.command().begin(), request.command().end()},
                            request.timeout_ms() ? request.timeout_ms() : kExecTimeoutMs};
}
Result<ports::RequestBody> from_wire(const v1::ListNodesRequest& request) {
  return ports::ListNodes{perhaps<NodeId>(request.node())};
}
Result<ports::RequestBody> from_wire(const v1::CordonNodeRequest& request) {
  ASSIGN_OR_RETURN(auto node, named<NodeId>("node", request.node()));
  return ports::CordonNode{std::move(node)};
}
Result<ports::RequestBody> from_wire(const v1::UncordonNodeRequest& request) {
  ASSIGN_OR_RETURN(auto node, named<NodeId>("node", request.node()));
  return ports::UncordonNode{std::move(node)};
}
Result<ports::RequestBody> from_wire(const v1::DrainNodeRequest& request) {
  ASSIGN_OR_RETURN(auto node, named<NodeId>("node", request.node()));
  return ports::DrainNode{std::move(node), request.dry_run()};
}
Result<ports::RequestBody> from_wire(const v1::ListEventsRequest& request) {
  return ports::ListEvents{perhaps<GroupId>(request.group()), perhaps<GuestId>(request.guest()),
                           perhaps<NodeId>(request.node()),
                           bounded(request.limit(), kEventsDefault, kEventsMax)};
}

void to_wire(const ports::GroupView& view, v1::Group& wire) {
  to_wire(view.spec, *wire.mutable_spec());
  wire.set_running(view.running);
  wire.set_healthy(view.healthy);
  wire.set_revision(view.revision);
  for (const auto& guest : view.guests) wire.add_guests(valid_utf8(guest.value));
}

void to_wire(const ports::GuestView& view, v1::Guest& wire) {
  wire.set_name(valid_utf8(view.guest.value));
  wire.set_group(text(view.group));
  wire.set_phase(static_cast<v1::Guest::Phase>(1 + static_cast<int>(view.phase)));
  wire.set_node(text(view.node));
  wire.set_moving_to(text(view.moving));
  wire.set_address(valid_utf8(view.address));
  wire.set_image(valid_utf8(view.image_sha256));
  wire.set_memory_mib(view.memory_mib);
  wire.set_vcpus(view.vcpus);
  wire.set_generation(view.generation);
  wire.set_hop(view.hop);
  wire.set_share_micro_usd_per_hour(view.share.value);
  wire.set_why(valid_utf8(view.why));
  for (const auto& node : view.preparing) wire.add_preparing(valid_utf8(node.value));
  if (!view.container) return;
  v1::Container& c = *wire.mutable_container();
  c.set_state(static_cast<v1::Container::State>(view.container->phase));
  c.set_runs(view.container->runs);
  c.set_exit_status(view.container->exit_status);
  c.set_signal(view.container->signal);
  c.set_health(static_cast<v1::Container::Health>(view.container->health));
  c.set_why(valid_utf8(view.container->why));
}

void to_wire(const ports::NodeView& view, v1::Node& wire) {
  wire.set_name(valid_utf8(view.node.value));
  wire.set_phase(static_cast<v1::Node::Phase>(1 + static_cast<int>(view.phase)));
  wire.set_attached(view.attached);
  wire.set_address(valid_utf8(view.address));
  wire.set_cloud(valid_utf8(view.cloud));
  wire.set_region(valid_utf8(view.region));
  wire.set_zone(valid_utf8(view.zone));
  wire.set_instance_type(valid_utf8(view.instance_type));
  wire.set_spot(view.spot);
  wire.set_memory_mib(view.memory_mib);
  wire.set_memory_mib_free(view.memory_mib_free);
  wire.set_vcpus(view.vcpus);
  wire.set_rate_micro_usd_per_hour(view.rate.value);
  for (const auto& guest : view.guests) wire.add_guests(valid_utf8(guest.value));
  if (view.notice) write_time(*view.notice, wire.mutable_notice());
  for (const auto& guest : view.preparing) wire.add_preparing(valid_utf8(guest.value));
}

void to_wire(const ports::EventView& view, v1::Event& wire) {
  wire.set_number(view.number);
  write_time(view.at, wire.mutable_at());
  wire.set_group(text(view.group));
  wire.set_guest(text(view.guest));
  wire.set_node(text(view.node));
  wire.set_reason(valid_utf8(view.reason));
  wire.set_text(valid_utf8(view.text));
}

void to_wire(const ports::Done&, v1::Deleted& wire) { wire.Clear(); }

void to_wire(const ports::DrainView& view, v1::Draining& wire) {
  wire.set_node(valid_utf8(view.node.value));
  for (const auto& move : view.moves) {
    v1::DrainMove& to = *wire.add_moves();
    to.set_guest(valid_utf8(move.guest.value));
    to.set_to(text(move.to));
    to.set_why(valid_utf8(move.why));
  }
}

void to_wire(const ports::LogPage& page, v1::LogPage& wire) {
  for (const auto& line : page.lines) {
    v1::LogLine& to = *wire.add_lines();
    to.set_number(line.number);
    write_time(line.at, to.mutable_at());
    to.set_err(line.err);
    to.set_text(line.text);
  }
  wire.set_next(page.next);
  wire.set_ended(page.ended);
}

void to_wire(const ports::ExecResult& result, v1::ExecResult& wire) {
  wire.set_exit_status(result.exit_status);
  wire.set_signal(result.signal);
  wire.set_out(result.out);
  wire.set_err(result.err);
  wire.set_dropped(result.dropped);
}

void to_wire(const ports::Listing<ports::GroupView>& list, v1::GroupList& wire) {
  for (const auto& item : list.items) to_wire(item, *wire.add_groups());
  wire.set_version(list.version);
}
void to_wire(const ports::Listing<ports::GuestView>& list, v1::GuestList& wire) {
  for (const auto& item : list.items) to_wire(item, *wire.add_guests());
  wire.set_version(list.version);
}
void to_wire(const ports::Listing<ports::NodeView>& list, v1::NodeList& wire) {
  for (const auto& item : list.items) to_wire(item, *wire.add_nodes());
  wire.set_version(list.version);
}
void to_wire(const ports::Listing<ports::EventView>& list, v1::EventList& wire) {
  for (const auto& item : list.items) to_wire(item, *wire.add_events());
  wire.set_version(list.version);
}

namespace {

void write(const ports::GroupView& view, v1::Change& wire) { to_wire(view, *wire.mutable_group()); }
void write(const ports::GuestView& view, v1::Change& wire) { to_wire(view, *wire.mutable_guest()); }
void write(const ports::NodeView& view, v1::Change& wire) { to_wire(view, *wire.mutable_node()); }
void write(const ports::EventView& view, v1::Change& wire) { to_wire(view, *wire.mutable_event()); }
void write(const ports::MoveView& view, v1::Change& wire) { to_wire(view, *wire.mutable_move()); }
void write(const ports::OfferingView& view, v1::Change& wire) {
  to_wire(view, *wire.mutable_offering());
}
void write(const ports::Removed& removed, v1::Change& wire) {
  v1::Removed& to = *wire.mutable_removed();
  if (const auto* group = std::get_if<GroupId>(&removed.what)) to.set_group(group->value);
  if (const auto* guest = std::get_if<GuestId>(&removed.what)) to.set_guest(guest->value);
  if (const auto* node = std::get_if<NodeId>(&removed.what)) to.set_node(node->value);
}

}  // namespace

void to_wire(const ports::Change& change, v1::Change& wire) {
  wire.Clear();
  wire.set_version(change.version);
  std::visit([&](const auto& object) { write(object, wire); }, change.body);
}

}  // namespace godwit::grpc_edge
