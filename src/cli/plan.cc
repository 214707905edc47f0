// A plan for people: who would go where, what that changes in nodes, and by what it was decided.
#include <format>
#include <set>
#include <string>
#include <vector>

#include "cli/show.h"
#include "cli/table.h"

namespace godwit::cli {
namespace {

std::string sum_of(const auto& terms) {
  if (terms.empty()) return "";
  long long sum = 0;
  for (const auto& term : terms) sum += term.micro_usd();
  return exact_dollars(sum);
}

void print_guests(std::ostream& out, const v1::Plan& plan) {
  std::vector<Row> rows;
  for (const auto& guest : plan.guests())
    rows.push_back(
        {guest.guest(), guest.from(), guest.to(), guest.reason(),
         guest.share_micro_usd_per_hour() ? dollars(guest.share_micro_usd_per_hour()) : "",
         sum_of(guest.terms()), guest.why()});
  print_table(out, {"GUEST", "FROM", "TO", "REASON", "USD/H", "SUM-USD", "WHY"}, rows);
}

void print_nodes(std::ostream& out, const v1::Plan& plan) {
  std::vector<Row> rows;
  for (const auto& node : plan.nodes()) {
    std::string guests;
    for (const auto& guest : node.guests()) guests += (guests.empty() ? "" : ",") + guest;
    rows.push_back({node.node(), node.change(), node.instance_type(), node.zone(),
                    node.spot() ? "spot" : "on-demand", dollars(node.rate_micro_usd_per_hour()),
                    node.reason().empty() ? node.why() : node.reason(), guests});
  }
  if (rows.empty()) return;
  out << '\n';
  print_table(out, {"NODE", "CHANGE", "TYPE", "ZONE", "CAPACITY", "USD/H", "REASON", "GUESTS"},
              rows);
}

// Guests of one decision share it: it is shown once.
void print_decisions(std::ostream& out, const v1::Plan& plan) {
  std::set<std::string> shown;
  std::vector<Row> rows;
  const auto add = [&](const std::string& about, const auto& decided) {
    std::string all;
    std::vector<Row> some;
    for (const auto& term : decided.terms())
      some.push_back({about, term.name(), exact_dollars(term.micro_usd()), ""});
    for (const auto& other : decided.rejected())
      some.push_back({about, "not " + other.what(), "", other.why()});
    for (const Row& row : some) all += row[1] + row[2] + row[3] + '\n';
    if (some.empty() || !shown.insert(decided.reason() + '\n' + all).second) return;
    rows.insert(rows.end(), some.begin(), some.end());
  };
  for (const auto& guest : plan.guests()) add(guest.guest(), guest);
  for (const auto& node : plan.nodes()) add(node.node(), node);
  if (rows.empty()) return;
  out << '\n';
  print_table(out, {"DECISION", "TERM", "USD", "WHY"}, rows);
}

}  // namespace

void print_plan(std::ostream& out, const v1::Plan& plan) {
  print_guests(out, plan);
  print_nodes(out, plan);
  print_decisions(out, plan);
  for (const auto& warning : plan.warnings()) out << "warning: " << warning << '\n';
}

}  // namespace godwit::cli
