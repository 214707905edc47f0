// The verbs that change something, logs and exec.
#include <format>

#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/show.h"
#include "godwit/v1/services.grpc.pb.h"

namespace godwit::cli {
namespace {

constexpr int kSignalBase = 128;  // As a shell shows the end by a signal.

}  // namespace

Result<int> migrate(Session& s, const std::string& guest, const std::string& to) {
  v1::MigrateGuestRequest request;
  request.set_guest(guest);
  request.set_to(to);
  v1::Guest moved;
  TRY(s.client.call(v1::Guests::NewStub(s.client.channel()), &v1::Guests::Stub::Migrate, request,
                    moved));
  if (s.json)
    s.out << json(moved);
  else
    s.out << std::format("guest {}: on its way from {} to {}\n", guest, moved.node(), to);
  return kDone;
}

Result<int> cordon(Session& s, const std::string& node) {
  v1::CordonNodeRequest request;
  request.set_node(node);
  v1::Node changed;
  TRY(s.client.call(v1::Nodes::NewStub(s.client.channel()), &v1::Nodes::Stub::Cordon, request,
                    changed));
  if (s.json)
    s.out << json(changed);
  else
    s.out << std::format("node {}: cordoned\n", node);
  return kDone;
}

Result<int> uncordon(Session& s, const std::string& node) {
  v1::UncordonNodeRequest request;
  request.set_node(node);
  v1::Node changed;
  TRY(s.client.call(v1::Nodes::NewStub(s.client.channel()), &v1::Nodes::Stub::Uncordon, request,
                    changed));
  if (s.json)
    s.out << json(changed);
  else
    s.out << std::format("node {}: takes guests again\n", node);
  return kDone;
}

Result<int> drain(Session& s, const std::string& node, bool dry_run) {
  v1::DrainNodeRequest request;
  request.set_node(node);
  request.set_dry_run(dry_run);
  v1::Draining draining;
  TRY(s.client.call(v1::Nodes::NewStub(s.client.channel()), &v1::Nodes::Stub::Drain, request,
                    draining));
  if (s.json) {
    s.out << json(draining);
    return kDone;
  }
  s.out << std::format("node {}: {}, {} to move\n", node, dry_run ? "would be drained" : "draining",
                       count_of(static_cast<std::uint64_t>(draining.moves_size()), "guest"));
  std::vector<Row> rows;
  for (const auto& move : draining.moves()) rows.push_back({move.guest(), move.to(), move.why()});
  if (!rows.empty()) print_table(s.out, {"GUEST", "TO", "WHY"}, rows);
  return kDone;
}

Result<int> delete_group(Session& s, const std::string& group) {
  v1::DeleteGroupRequest request;
  request.set_group(group);
  v1::Deleted deleted;
  TRY(s.client.call(v1::Groups::NewStub(s.client.channel()), &v1::Groups::Stub::Delete, request,
                    deleted));
  if (s.json)
    s.out << json(deleted);
  else
    s.out << std::format("group {}: deleted\n", group);
  return kDone;
}

Result<int> logs(Session& s, const std::string& guest, std::uint64_t from) {
  v1::ReadLogsRequest request;
  request.set_guest(guest);
  request.set_from(from);
  while (true) {
    v1::LogPage page;
    TRY(s.client.call(v1::Guests::NewStub(s.client.channel()), &v1::Guests::Stub::ReadLogs, request,
                      page));
    for (const auto& line : page.lines()) {
      if (s.json)
        s.out << json_with_text(line);
      else
        s.out << line.text() << '\n';
    }
    // The second half guards against a server that does not go on.
    if (page.lines_size() == 0 || page.next() <= request.from()) return kDone;
    request.set_from(page.next());
  }
}

Result<int> exec(Session& s, const std::string& guest, const std::vector<std::string>& command,
                 std::uint32_t timeout_ms) {
  constexpr std::chrono::milliseconds kBeyond{10'000};  // The server's own answer comes first.
  v1::ExecRequest request;
  request.set_guest(guest);
  for (const auto& word : command) request.add_command(word);
  request.set_timeout_ms(timeout_ms);
  v1::ExecResult result;
  TRY(s.client.call(v1::Guests::NewStub(s.client.channel()), &v1::Guests::Stub::Exec, request,
                    result, std::chrono::milliseconds{timeout_ms} + kBeyond));
  if (s.json) {
    s.out << json_with_text(result);
  } else {
    s.out << result.out();
    s.err << result.err();
    if (result.dropped()) s.err << std::format("godwit: {} bytes dropped\n", result.dropped());
  }
  return result.exit_status() >= 0 ? result.exit_status() : kSignalBase + result.signal();
}

}  // namespace godwit::cli
