#include "apps/admin_door.h"

#include <sys/stat.h>

#include <cerrno>
#include <format>
#include <utility>

#include "edges/sqlite/row_json.h"

namespace godwit::apps {
namespace {

using json::Value;

constexpr std::size_t kMaxLine = 1 << 20;  // A container's words are the longest part.

// What our own writer made does parse.
template <class Row>
Value as_json(const Row& row) {
  const auto text = sqlite::to_text(row);
  return text ? json::parse(*text).value_or(Value{}) : Value{};
}

Result<NodeId> node(const Value& request) {
  if (request["node"].text().empty()) return invalid("\"node\": a node's id is needed here");
  return NodeId{request["node"].text()};
}

Result<ports::NodeNames> set(const Value& request) {
  ports::NodeNames names;
  for (const Value& name : request["set"].array()) names.insert(NodeId{name.text()});
  if (names.empty() || names.contains(NodeId{})) return invalid("\"set\": a list of nodes' ids");
  return names;
}

Result<control::Event> create(const Value& request, const GuestId& guest) {
  control::CreateGuest wish{.guest = guest};
  ASSIGN_OR_RETURN(wish.node, node(request));
  ASSIGN_OR_RETURN(wish.set, set(request));
  Value row = as_json(ports::GuestRow{});
  row.set("machine", request["machine"]).set("container", request["container"]);
  ASSIGN_OR_RETURN(ports::GuestRow parsed, sqlite::parse_guest_row(row.dump()));
  wish.machine = std::move(parsed.machine);
  wish.container = std::move(parsed.container);
  return wish;
}

Result<control::Event> event_of(const Value& request) {
  const std::string what = request["do"].text();
  if (what == "join") {
    ASSIGN_OR_RETURN(NodeId id, node(request));
    return control::NodeJoined{std::move(id), request["address"].text()};
  }
  if (what == "certify") {
    ASSIGN_OR_RETURN(NodeId id, node(request));
    return control::Certified{std::move(id)};
  }
  const GuestId guest{request["guest"].text()};
  if (guest.value.empty()) return invalid("\"guest\": a guest's id is needed here");
  if (what == "create") return create(request, guest);
  if (what == "move") {
    ASSIGN_OR_RETURN(NodeId to, node(request));
    return control::MoveGuest{guest, std::move(to)};
  }
  if (what != "allow" && what != "takeover") return invalid("\"do\": what is to be done?");
  ASSIGN_OR_RETURN(ports::NodeNames names, set(request));
  if (what == "allow") return control::AllowNodes{guest, std::move(names)};
  return control::TakeOver{guest, std::move(names)};
}

}  // namespace

AdminDoor::AdminDoor(io::Loop& loop, io::Listener listener, runtime::ControlLoop& turns,
                     const control::Control& control, std::string incarnation)
    : loop_(loop),
      listener_(std::move(listener)),
      turns_(turns),
      control_(control),
      incarnation_(std::move(incarnation)) {}

Result<std::unique_ptr<AdminDoor>> AdminDoor::open(io::Loop& loop, const std::string& path,
                                                   runtime::ControlLoop& turns,
                                                   const control::Control& control,
                                                   std::string incarnation) {
  const mode_t before = umask(0177);
  auto listener = io::Listener::listen_unix(loop, path);
  umask(before);
  if (!listener) return std::unexpected(listener.error());
  std::unique_ptr<AdminDoor> door(
      new AdminDoor(loop, *std::move(listener), turns, control, std::move(incarnation)));
  loop.spawn(door->accept_all());
  return door;
}

io::Task<void> AdminDoor::accept_all() {
  for (;;) {
    auto stream = co_await listener_.accept();
    if (!stream) co_return;
    loop_.spawn(talk(*std::move(stream)));
  }
}

io::Task<void> AdminDoor::talk(io::Stream stream) {
  for (;;) {
    const auto line = co_await stream.read_line(kMaxLine);
    if (!line) co_return;
    const Status written = co_await stream.write_all(answer(*line) + "\n");
    if (!written) co_return;
  }
}

std::string AdminDoor::answer(std::string_view line) {
  const auto failed = [](const Error& e) { return Value{}.set("error", to_string(e)).dump(); };
  const auto request = json::parse(line);
  if (!request) return failed(request.error());
  if ((*request)["do"].text() == "status") return status().dump();
  const auto event = event_of(*request);
  if (!event) return failed(event.error());
  const GuestId guest{(*request)["guest"].text()};
  const bool known = guest.value.empty() || control_.guests().contains(guest) ||
                     std::holds_alternative<control::CreateGuest>(*event);
  if (!known) return failed({Code::kNotFound, std::format("guest {}", guest.value)});
  const auto refused = turns_.ask(*event);
  if (!refused) return failed(refused.error());
  for (const control::Refused& no : *refused)
    if (no.guest == guest) return failed({Code::kFailedPrecondition, no.why});
  return Value{}.set("ok", true).dump();
}

Value AdminDoor::status() const {
  Value guests{Value::Object{}}, nodes{Value::Object{}};
  for (const auto& [id, owner] : control_.guests()) {
    const auto holder = owner.holder();
    guests.set(id.value, Value{}
                             .set("owner", as_json(owner.row())["owner"])
                             .set("holder", holder ? Value{holder->value} : Value{})
                             .set("settled", owner.settled()));
  }
  for (const auto& [id, row] : control_.nodes()) nodes.set(id.value, as_json(row));
  return Value{}
      .set("version", turns_.version())
      .set("incarnation", incarnation_)
      .set("guests", std::move(guests))
      .set("nodes", std::move(nodes));
}

}  // namespace godwit::apps
