#include "bench/migration/report.h"

#include <algorithm>
#include <format>
#include <functional>
#include <utility>

namespace godwit::bench {
namespace {

// The parts of a pause, by name and in order.
constexpr std::pair<const char*, double Pause::*> kParts[] = {
    {"stop_ms", &Pause::stop},     {"switched_ms", &Pause::switched},
    {"mirror_ms", &Pause::mirror}, {"rest_ms", &Pause::rest},
    {"grant_ms", &Pause::grant},   {"accepted_ms", &Pause::accepted},
    {"resume_ms", &Pause::resume},
};

using Column = std::function<double(const MoveRow&)>;
const std::pair<const char*, Column> kColumns[] = {
    {"bytes", [](const MoveRow& r) { return static_cast<double>(r.bytes); }},
    {"total_ms", [](const MoveRow& r) { return r.total_ms; }},
    {"downtime_ms", [](const MoveRow& r) { return r.downtime_ms; }},
    {"client_gap_ms", [](const MoveRow& r) { return r.gap_ms; }},
    {"paused_bytes", [](const MoveRow& r) { return static_cast<double>(r.paused_bytes); }},
    {"paused_wire_bytes", [](const MoveRow& r) { return static_cast<double>(r.pause.wire_bytes); }},
};

double median_of(const std::vector<MoveRow>& rows, Arm arm, const Column& column) {
  std::vector<double> values;
  for (const MoveRow& row : rows)
    if (row.arm == arm) values.push_back(column(row));
  return median(std::move(values));
}

json::Value to_json(const MoveRow& row) {
  json::Value pause;
  for (const auto& [part, at] : kParts) pause.set(part, row.pause.*at);
  json::Value out;
  out.set("arm", name(row.arm)).set("source", row.from).set("destination", row.to);
  out.set("span_ms", row.span_ms).set("pause", pause);
  for (const auto& [column, of] : kColumns) out.set(column, of(row));
  return out;
}

json::Value::Array to_json(const std::vector<MoveRow>& rows) {
  json::Value::Array out;
  for (const MoveRow& row : rows) out.push_back(to_json(row));
  return out;
}

json::Value medians(const std::vector<MoveRow>& rows, Arm arm) {
  json::Value out{json::Value::Object{}};
  for (const auto& [column, of] : kColumns) out.set(column, median_of(rows, arm, of));
  for (const auto& [part, at] : kParts)
    out.set(part, median_of(rows, arm, [at](const MoveRow& r) { return r.pause.*at; }));
  return out;
}

double window_gap(const Measured& measured) {
  std::vector<double> gaps;
  for (const WindowRow& window : measured.windows) gaps.push_back(window.gap_ms);
  return median(std::move(gaps));
}

std::string line_of(const char* first, const MoveRow& r) {
  return std::format("  {:<10} {:>9.1f} {:>9.0f} {:>11.1f} {:>9.0f} {:>11.0f} {:>10.0f}\n", first,
                     static_cast<double>(r.bytes) / 1e6, r.total_ms, r.downtime_ms, r.gap_ms,
                     static_cast<double>(r.paused_bytes) / 1e3,
                     static_cast<double>(r.pause.wire_bytes) / 1e3);
}

constexpr const char* kHead =
    "             MB sent  total ms downtime ms    gap ms   paused kB    wire kB\n";

MoveRow median_row(const std::vector<MoveRow>& rows, Arm arm) {
  const auto of = [&](std::size_t column) { return median_of(rows, arm, kColumns[column].second); };
  MoveRow row{.arm = arm};
  row.bytes = static_cast<std::uint64_t>(of(0));
  row.total_ms = of(1);
  row.downtime_ms = of(2);
  row.gap_ms = of(3);
  row.paused_bytes = static_cast<std::uint64_t>(of(4));
  row.pause.wire_bytes = static_cast<std::uint64_t>(of(5));
  return row;
}

std::string pause_line(const std::vector<MoveRow>& rows, Arm arm) {
  std::string out = std::format("  pause, {:<6}", name(arm));
  for (const auto& [part, at] : kParts)
    out += std::format(" {} {:.1f},", part,
                       median_of(rows, arm, [at](const MoveRow& r) { return r.pause.*at; }));
  out.back() = '\n';
  return out;
}

std::optional<double> ratio(const std::vector<MoveRow>& rows, const Column& column) {
  const double plain = median_of(rows, Arm::kPlain, column);
  if (plain <= 0) return std::nullopt;
  return median_of(rows, Arm::kOurs, column) / plain;
}

}  // namespace

const char* name(Arm arm) { return arm == Arm::kOurs ? "ours" : "plain"; }

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  if (values.size() % 2 == 1) return values[middle];
  return (values[middle - 1] + values[middle]) / 2;
}

Figures figures(const Measured& measured) {
  Figures f;
  f.gap_ms_moves = median_of(measured.moves, Arm::kOurs, kColumns[3].second);
  f.gap_ms_windows = window_gap(measured);
  f.held = f.gap_ms_moves - f.gap_ms_windows <= kGapMsMax && measured.wrong == 0;
  if (measured.link_mbit == 0) return f;
  f.downtime_ratio = ratio(measured.paired, kColumns[2].second);
  f.paused_bytes_ratio = ratio(measured.paired, kColumns[4].second);
  f.wire_bytes_ratio = ratio(measured.paired, kColumns[5].second);
  f.held = f.held && f.downtime_ratio.value_or(1) <= kDowntimeRatioMax &&
           f.paused_bytes_ratio.value_or(1) <= kPausedBytesRatioMax;
  return f;
}

json::Value to_json(const Measured& measured) {
  const Figures f = figures(measured);
  json::Value::Array windows;
  for (const WindowRow& w : measured.windows)
    windows.push_back(json::Value{}.set("span_ms", w.span_ms).set("client_gap_ms", w.gap_ms));
  json::Value figure;
  figure.set("gap_ms_moves", f.gap_ms_moves).set("gap_ms_windows", f.gap_ms_windows);
  figure.set("gap_ms_more", f.gap_ms_moves - f.gap_ms_windows).set("held", f.held);
  if (f.downtime_ratio) figure.set("downtime_ratio", *f.downtime_ratio);
  if (f.paused_bytes_ratio) figure.set("paused_bytes_ratio", *f.paused_bytes_ratio);
  if (f.wire_bytes_ratio) figure.set("paused_wire_bytes_ratio", *f.wire_bytes_ratio);
  json::Value out;
  out.set("moves", to_json(measured.moves)).set("windows", windows);
  out.set("moves_median", medians(measured.moves, Arm::kOurs)).set("figures", figure);
  if (measured.link_mbit > 0) {
    json::Value paired;
    paired.set("link_mbit", measured.link_mbit).set("moves", to_json(measured.paired));
    for (const Arm arm : {Arm::kOurs, Arm::kPlain})
      paired.set(std::format("{}_median", name(arm)), medians(measured.paired, arm));
    out.set("paired", paired);
  }
  out.set("load", json::Value{}
                      .set("memory_bytes_per_second", measured.load.memory_bytes_per_second)
                      .set("disk_bytes_per_second", measured.load.disk_bytes_per_second));
  out.set("client", json::Value{}
                        .set("replies", measured.replies)
                        .set("wrong", measured.wrong)
                        .set("reconnects", measured.reconnects));
  return out;
}

std::string to_text(const Measured& measured) {
  const Figures f = figures(measured);
  std::string out = std::format("\nLink without limit, medians of {}\n", measured.moves.size());
  out += kHead + line_of("moves", median_row(measured.moves, Arm::kOurs));
  out += std::format("  windows {:>44.0f}\n", f.gap_ms_windows);
  out += pause_line(measured.moves, Arm::kOurs);
  out += std::format("  gap of moves less gap of windows: {:.0f} ms (at most {:.0f})\n",
                     f.gap_ms_moves - f.gap_ms_windows, kGapMsMax);
  if (measured.link_mbit > 0) {
    out += std::format("\nLink of {} Mbit/s, medians of {} pairs\n{}", measured.link_mbit,
                       measured.paired.size() / 2, kHead);
    for (const Arm arm : {Arm::kOurs, Arm::kPlain})
      out += line_of(name(arm), median_row(measured.paired, arm));
    for (const Arm arm : {Arm::kOurs, Arm::kPlain}) out += pause_line(measured.paired, arm);
    out += std::format(
        "  bytes sent while paused: {:.2f} x (at most {:.1f}); downtime: {:.2f} x (at most {:.1f});"
        " bytes on the wire while paused: {:.2f} x\n",
        f.paused_bytes_ratio.value_or(0), kPausedBytesRatioMax, f.downtime_ratio.value_or(0),
        kDowntimeRatioMax, f.wire_bytes_ratio.value_or(0));
  }
  out += std::format(
      "\nload: memory {:.2f} MB/s, disk {:.2f} MB/s; client: {} replies, {} wrong, {} reconnects\n",
      measured.load.memory_bytes_per_second / 1e6, measured.load.disk_bytes_per_second / 1e6,
      measured.replies, measured.wrong, measured.reconnects);
  out += f.held ? "all figures hold\n" : "A FIGURE DOES NOT HOLD\n";
  return out;
}

}  // namespace godwit::bench
