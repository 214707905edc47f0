// What moves were decided by, and what has been paid.
#include <charconv>
#include <format>

#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/show.h"
#include "godwit/v1/services.grpc.pb.h"

namespace godwit::cli {
namespace {

// Amounts with the sign in a column of its own, so that their points line up.
std::string aligned(long long micro_usd) {
  const std::string text = exact_dollars(micro_usd);
  return micro_usd < 0 ? text : " " + text;
}

void print_decision(std::ostream& out, const v1::Move& move) {
  std::vector<Row> rows;
  long long sum = 0;
  for (const auto& term : move.terms()) {
    rows.push_back({term.name(), aligned(term.micro_usd())});
    sum += term.micro_usd();
  }
  if (!rows.empty()) {
    rows.push_back({"sum", aligned(sum)});
    out << '\n';
    print_table(out, {"TERM", " USD"}, rows);
  }
  rows.clear();
  for (const auto& other : move.rejected())
    rows.push_back({other.what(), aligned(other.micro_usd()), other.why()});
  if (rows.empty()) return;
  out << '\n';
  print_table(out, {"REJECTED", " USD", "WHY"}, rows);
}

void print_items(std::ostream& out, const v1::LedgerSummary& ledger) {
  std::vector<Row> rows;
  for (const auto& item : ledger.items())
    rows.push_back({item.instance(), item.node(), item.spot() ? "spot" : "on-demand",
                    item.instance_type(), item.zone(), time_text(item.start()),
                    item.has_end() ? time_text(item.end()) : "", std::to_string(item.seconds()),
                    exact_dollars(item.cost_micro_usd())});
  out << '\n';
  print_table(out,
              {"INSTANCE", "NODE", "CAPACITY", "TYPE", "ZONE", "START", "END", "SECONDS", "USD"},
              rows);
}

}  // namespace

Result<int> describe_move(Session& s, const std::string& number) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error != std::errc{} || end != number.data() + number.size())
    return invalid(std::format("move '{}': is no number: see `godwit get moves`", number));
  v1::ListMovesRequest request;
  request.set_number(value);
  v1::MoveList list;
  TRY(s.client.call(v1::Moves::NewStub(s.client.channel()), &v1::Moves::Stub::List, request, list));
  if (list.moves_size() != 1)
    return internal(std::format("move {}: the answer is not one move", value));
  if (s.json) {
    s.out << json(list.moves(0));
    return kDone;
  }
  v1::Move fields = list.moves(0);
  fields.clear_live();  // Told in words.
  fields.clear_terms();
  fields.clear_rejected();
  print_fields(s.out, fields);
  s.out << "mechanism: " << mechanism(list.moves(0)) << '\n';
  print_decision(s.out, list.moves(0));
  return kDone;
}

Result<int> savings(Session& s, bool verbose) {
  v1::LedgerSummary ledger;
  TRY(s.client.call(v1::Ledger::NewStub(s.client.channel()), &v1::Ledger::Stub::Get,
                    v1::GetLedgerRequest{}, ledger));
  if (s.json) {
    s.out << json(ledger);
    return kDone;
  }
  s.out << std::format("from       {}\n", time_text(ledger.from()))
        << std::format("until      {}\n", time_text(ledger.until()))
        << std::format("paid       {} USD\n", exact_dollars(ledger.paid_micro_usd()))
        << std::format("on-demand  {} USD", exact_dollars(ledger.on_demand_micro_usd()))
        << (ledger.on_demand_of().empty() ? "" : "  (" + ledger.on_demand_of() + ")") << '\n'
        << std::format("saving     {} USD", exact_dollars(ledger.saving_micro_usd()));
  if (ledger.has_saving_percent()) s.out << std::format("  {:.1f} %", ledger.saving_percent());
  s.out << '\n';
  if (verbose) print_items(s.out, ledger);
  return kDone;
}

}  // namespace godwit::cli
