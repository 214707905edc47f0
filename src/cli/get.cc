// get, get --watch, describe.
#include <format>

#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/show.h"
#include "godwit/v1/services.grpc.pb.h"

namespace godwit::cli {
namespace {

Result<v1::GroupList> list_groups(const Session& s, const std::string& name) {
  v1::ListGroupsRequest request;
  request.set_group(name);
  v1::GroupList list;
  TRY(s.client.call(v1::Groups::NewStub(s.client.channel()), &v1::Groups::Stub::List, request,
                    list));
  return list;
}
Result<v1::GuestList> list_guests(const Session& s, const std::string& name,
                                  const std::string& group = "") {
  v1::ListGuestsRequest request;
  request.set_guest(name);
  request.set_group(group);
  v1::GuestList list;
  TRY(s.client.call(v1::Guests::NewStub(s.client.channel()), &v1::Guests::Stub::List, request,
                    list));
  return list;
}
Result<v1::NodeList> list_nodes(const Session& s, const std::string& name) {
  v1::ListNodesRequest request;
  request.set_node(name);
  v1::NodeList list;
  TRY(s.client.call(v1::Nodes::NewStub(s.client.channel()), &v1::Nodes::Stub::List, request, list));
  return list;
}
Result<v1::EventList> list_events(const Session& s, const v1::ListEventsRequest& request) {
  v1::EventList list;
  TRY(s.client.call(v1::Events::NewStub(s.client.channel()), &v1::Events::Stub::List, request,
                    list));
  return list;
}

template <class Items>
void print_rows(std::ostream& out, const Row& head, const Items& items) {
  std::vector<Row> rows;
  for (const auto& item : items) rows.push_back(row(item));
  print_table(out, head, rows);
}

// Prints a list and returns its version.
template <class List, class Items>
std::uint64_t print_list(Session& s, const List& list, const Row& head, const Items& items) {
  if (s.json)
    s.out << json(list);
  else
    print_rows(s.out, head, items);
  s.out.flush();
  return list.version();
}

Result<v1::MoveList> list_moves(const Session& s, const Wanted& wanted) {
  v1::ListMovesRequest request;
  request.set_guest(wanted.name);
  request.set_limit(wanted.limit);
  v1::MoveList list;
  TRY(s.client.call(v1::Moves::NewStub(s.client.channel()), &v1::Moves::Stub::List, request, list));
  return list;
}
Result<v1::OfferingList> list_offerings(const Session& s) {
  v1::OfferingList list;
  TRY(s.client.call(v1::Offerings::NewStub(s.client.channel()), &v1::Offerings::Stub::List,
                    v1::ListOfferingsRequest{}, list));
  return list;
}

Result<v1::IntentList> list_intents(const Session& s) {
  v1::IntentList list;
  TRY(s.client.call(v1::Intents::NewStub(s.client.channel()), &v1::Intents::Stub::List,
                    v1::ListIntentsRequest{}, list));
  return list;
}

Result<std::uint64_t> list(Session& s, const Wanted& wanted) {
  if (wanted.kind == "groups") {
    ASSIGN_OR_RETURN(const auto found, list_groups(s, wanted.name));
    return print_list(s, found, kGroupHead, found.groups());
  }
  if (wanted.kind == "guests") {
    ASSIGN_OR_RETURN(const auto found, list_guests(s, wanted.name, wanted.group));
    return print_list(s, found, kGuestHead, found.guests());
  }
  if (wanted.kind == "nodes") {
    ASSIGN_OR_RETURN(const auto found, list_nodes(s, wanted.name));
    return print_list(s, found, kNodeHead, found.nodes());
  }
  if (wanted.kind == "moves") {
    ASSIGN_OR_RETURN(const auto found, list_moves(s, wanted));
    return print_list(s, found, kMoveHead, found.moves());
  }
  if (wanted.kind == "offerings") {
    ASSIGN_OR_RETURN(const auto found, list_offerings(s));
    return print_list(s, found, kOfferingHead, found.offerings());
  }
  if (wanted.kind == "intents") {
    ASSIGN_OR_RETURN(const auto found, list_intents(s));
    return print_list(s, found, kIntentHead, found.intents());
  }
  v1::ListEventsRequest about;
  about.set_group(wanted.group);
  about.set_guest(wanted.guest);
  about.set_node(wanted.node);
  about.set_limit(wanted.limit);
  ASSIGN_OR_RETURN(const auto found, list_events(s, about));
  return print_list(s, found, kEventHead, found.events());
}

// Whether an event is about what was asked for; other objects are not narrowed.
bool concerns(const v1::Change& change, const Wanted& wanted) {
  if (!change.has_event()) return true;
  const v1::Event& event = change.event();
  return (wanted.group.empty() || wanted.group == event.group()) &&
         (wanted.guest.empty() || wanted.guest == event.guest()) &&
         (wanted.node.empty() || wanted.node == event.node());
}

void print_change(Session& s, const v1::Change& change) {
  if (s.json) {
    s.out << json(change, true);
  } else if (change.has_removed()) {
    const v1::Removed& r = change.removed();
    s.out << (r.has_group() ? r.group() : r.has_guest() ? r.guest() : r.node()) << "  removed\n";
  } else {
    const Row shown = change.has_group()      ? row(change.group())
                      : change.has_guest()    ? row(change.guest())
                      : change.has_node()     ? row(change.node())
                      : change.has_move()     ? row(change.move())
                      : change.has_offering() ? row(change.offering())
                                              : row(change.event());
    for (std::size_t i = 0; i < shown.size(); ++i)
      s.out << (i ? "  " : "") << (shown[i].empty() ? "-" : shown[i]);
    s.out << '\n';
  }
  s.out.flush();
}

Result<int> show(Session& s, const google::protobuf::Message& object,
                 const v1::ListEventsRequest& about) {
  if (s.json) {
    s.out << json(object);
    return kDone;
  }
  print_fields(s.out, object);
  ASSIGN_OR_RETURN(const auto events, list_events(s, about));
  if (events.events_size() == 0) return kDone;
  s.out << '\n';
  print_rows(s.out, kEventHead, events.events());
  return kDone;
}

}  // namespace

Result<int> get(Session& s, const Wanted& wanted) {
  TRY(list(s, wanted));
  return kDone;
}

Result<int> watch(Session& s, const Wanted& wanted) {
  const auto stub = v1::Events::NewStub(s.client.channel());
  while (true) {
    ASSIGN_OR_RETURN(const std::uint64_t version, list(s, wanted));
    v1::WatchRequest request;
    request.set_after_version(version);
    request.set_groups(wanted.kind == "groups");
    request.set_guests(wanted.kind == "guests");
    request.set_nodes(wanted.kind == "nodes");
    request.set_events(wanted.kind == "events");
    request.set_moves(wanted.kind == "moves");
    request.set_offerings(wanted.kind == "offerings");
    grpc::ClientContext context;
    const auto reader = stub->Watch(&context, request);
    v1::Change change;
    while (reader->Read(&change))
      if (concerns(change, wanted)) print_change(s, change);
    const Status ended = s.client.translate(reader->Finish());
    if (ended.error_or(Error{}).code != Code::kAborted) {
      TRY(ended);
      return kDone;
    }
    // We were too slow: what is now says all.
  }
}

Result<int> describe(Session& s, const std::string& kind, const std::string& name) {
  if (kind == "move") return describe_move(s, name);
  v1::ListEventsRequest about;
  if (kind == "group") {
    about.set_group(name);
    ASSIGN_OR_RETURN(const auto list, list_groups(s, name));
    if (list.groups_size() == 1) return show(s, list.groups(0), about);
  } else if (kind == "guest") {
    about.set_guest(name);
    ASSIGN_OR_RETURN(const auto list, list_guests(s, name));
    if (list.guests_size() == 1) return show(s, list.guests(0), about);
  } else {
    about.set_node(name);
    ASSIGN_OR_RETURN(const auto list, list_nodes(s, name));
    if (list.nodes_size() == 1) return show(s, list.nodes(0), about);
  }
  return internal(std::format("{} {}: the answer is not one object", kind, name));
}

}  // namespace godwit::cli
