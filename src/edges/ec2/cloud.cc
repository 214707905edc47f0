#include "edges/ec2/cloud.h"

#include <algorithm>
#include <format>
#include <functional>
#include <span>

#include "edges/ec2/requests.h"

namespace godwit::ec2 {
namespace {

using ports::CloudAnswer;
using ports::CloudFailed;

constexpr int kPagesMax = 10'000;
constexpr std::size_t kTypesPerCall = 100;  // DescribeInstanceTypes takes no more.

// Groups of at most kTypesPerCall names; no names are one empty group: all types.
std::vector<std::vector<std::string>> groups_of(const std::vector<std::string>& names) {
  if (names.empty()) return {{}};
  std::vector<std::vector<std::string>> groups;
  for (std::size_t from = 0; from < names.size(); from += kTypesPerCall) {
    const std::span all(names);
    const auto some = all.subspan(from, std::min(kTypesPerCall, names.size() - from));
    groups.emplace_back(some.begin(), some.end());
  }
  return groups;
}

}  // namespace

void Cloud::submit(std::uint64_t command, ports::CloudCommand what) {
  loop_.spawn(answer(command, std::move(what)));
}

io::Task<void> Cloud::answer(std::uint64_t command, ports::CloudCommand what) {
  auto task = std::visit([this](auto& c) { return on(std::move(c)); }, what);
  CloudAnswer got = co_await std::move(task);
  ports::CloudEvent event{command, std::move(got)};
  events_.offer(std::move(event));
}

io::Task<Answer<void>> Cloud::read_pages(std::string action, Form form, Page page) {
  std::string token;
  for (int n = 0; n < kPagesMax; ++n) {
    Form now = form;
    if (!token.empty()) now.emplace_back("NextToken", token);
    const auto answer = co_await client_.call(action, std::move(now));
    if (!answer) co_return std::unexpected(answer.error());
    if (Status read = page(*answer); !read)
      co_return std::unexpected(failure_of(action, std::move(read).error()));
    // Absent or empty on the last page.
    std::string next(answer->text_at("nextToken"));
    if (next.empty()) co_return Answer<void>{};
    if (next == token) break;
    token = std::move(next);
  }
  Error endless{Code::kDataLoss, "pages without end"};
  co_return std::unexpected(failure_of(action, std::move(endless)));
}

io::Task<CloudAnswer> Cloud::on(ports::Launch launch) {
  const std::string what =
      std::format("launch {} in {} as {}", launch.type, launch.zone, launch.client_token);
  auto form = run_form(launch);
  if (!form) co_return failure_of(what, std::move(form).error());
  const auto answer = co_await client_.call("RunInstances", *std::move(form));
  if (!answer) {
    CloudFailed failed = answer.error();
    failed.error.message = std::format("{}: {}", what, failed.error.message);
    co_return failed;
  }
  auto instance = read_launched(*answer);
  if (!instance) co_return failure_of(what, std::move(instance).error());
  co_return ports::Launched{*std::move(instance)};
}

io::Task<CloudAnswer> Cloud::on(ports::Terminate terminate) {
  // Not found right after its launch is not absence: EC2 may not have heard of it everywhere.
  const auto begin = std::chrono::steady_clock::now();
  for (int n = 1;; ++n) {
    const auto answer =
        co_await client_.call("TerminateInstances", terminate_form(terminate.instance));
    if (answer) co_return ports::Terminating{.known = true};
    if (answer.error().error.code != Code::kNotFound) co_return answer.error();
    if (std::chrono::steady_clock::now() - begin >= client_.config().visible_within)
      co_return ports::Terminating{.known = false};
    co_await client_.back_off(n);
  }
}

io::Task<CloudAnswer> Cloud::on(ports::ListInstances list) {
  ports::Listed listed;
  const Page page = [&](const xml::Element& e) { return read_instances(e, listed.instances); };
  const auto read = co_await read_pages("DescribeInstances", list_form(list), page);
  if (!read) co_return read.error();
  std::ranges::sort(listed.instances, {}, &ports::CloudInstance::id);
  co_return listed;
}

io::Task<CloudAnswer> Cloud::on(ports::Examine examine) {
  std::vector<ports::CloudInstance> found;
  const Page page = [&](const xml::Element& e) { return read_instances(e, found); };
  const auto read = co_await read_pages("DescribeInstances", examine_form(examine.instance), page);
  ports::Examined examined;
  if (!read && read.error().error.code == Code::kNotFound) co_return examined;
  if (!read) co_return read.error();
  const auto it = std::ranges::find(found, examine.instance, &ports::CloudInstance::id);
  if (it == found.end()) co_return examined;
  if (it->state == ports::InstanceState::kTerminated && it->end) {
    ports::DeathCertificate certificate{it->id, *it->end};
    examined.certificate = std::move(certificate);
  }
  examined.instance = std::move(*it);
  co_return examined;
}

io::Task<CloudAnswer> Cloud::on(ports::ReadPrices read) {
  ports::PricesRead prices;
  const Page page = [&](const xml::Element& e) { return read_prices(e, prices.changes); };
  for (const auto& types : groups_of(read.types)) {
    const auto done =
        co_await read_pages("DescribeSpotPriceHistory", prices_form(read.since, types), page);
    if (!done) co_return done.error();
  }
  // EC2 answers with the newest first, and may repeat a row where pages meet. Of two at the same
  // time the first of the wire counts.
  for (auto& [pool, changes] : prices.changes) {
    std::ranges::stable_sort(changes, {}, &market::PriceChange::at);
    const auto twice = std::ranges::unique(changes, {}, &market::PriceChange::at);
    changes.erase(twice.begin(), twice.end());
  }
  co_return prices;
}

io::Task<CloudAnswer> Cloud::on(ports::ReadTypes read) {
  Types types;
  const Page add_types = [&](const xml::Element& e) { return read_types(e, types); };
  const Page add_zones = [&](const xml::Element& e) { return read_offerings(e, types); };
  for (const auto& names : groups_of(read.types)) {
    auto done = co_await read_pages("DescribeInstanceTypes", types_form(names), add_types);
    if (done)
      done = co_await read_pages("DescribeInstanceTypeOfferings", offerings_form(names), add_zones);
    if (!done) co_return done.error();
  }
  ports::TypesRead answer;
  for (auto& [name, type] : types) answer.types.push_back(std::move(type));
  co_return answer;
}

}  // namespace godwit::ec2
