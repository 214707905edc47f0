// The numbers behind the planner's rules, each with its reason. All can be set by file; where a
// market is compressed (a shorter instance-hour), the durations of the second part shrink with it.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/money.h"
#include "base/time.h"

namespace godwit::fleet {

// What the provider is told as a spot instance's maximum price.
enum class Bid {
  kOnDemand,  // The on-demand price: AWS since 2017 advises it, a lower one only brings losses.
  kMaximum,   // The guests' own maximum: where the bid is real (auctions, Azure), it caps the bill.
};

struct Policy {
  // --- What moving takes, in seconds of the real world.

  // Between the notice and the end of an instance: 120 s on AWS, 30 s on Azure and GCP.
  Duration notice = std::chrono::seconds(120);
  // Of the notice not planned with: up to 5 s until it is read, the pauses, the last routes, and
  // what a slow destination takes. A fourth of AWS's notice.
  Duration notice_reserve = std::chrono::seconds(30);
  // What a node's link carries for moves. 0.31 to 0.39 Gbit/s per vCPU is the baseline of common
  // types, of which 80 % are usable: two vCPUs give 60 MB/s. QEMU filled more where it was tried.
  std::int64_t link_bytes_per_s = 50'000'000;
  // From the launch to a ready node: a boot of 30 to 60 s, the agent's download and joining.
  Duration launch = std::chrono::seconds(90);
  // STOP to RESUME of one move plus what its client sees more: the median of earlier moves.
  Duration pause = std::chrono::seconds(1);
  // To be out of a node before its price crosses or a billed period begins, beside the bytes: the
  // decision's way to the agent, and the set-up of QEMU at the destination.
  Duration leave_margin = std::chrono::seconds(30);

  // --- What is worth it, in the market's time and money.

  // How long a better place is expected to stay better. 12 h was the best of three tried on
  // synthetic prices with a half-life of 48 h, within 0.5 % of the clairvoyant cost.
  Duration expected_stay = std::chrono::hours(12);
  // A guest's downtime: one cent per minute.
  MicroUsd downtime_per_minute{10'000};
  // Of data between zones: $0.01 per GB each way (AWS); inside a zone it is free.
  MicroUsd transfer_between_zones_per_gb{20'000};
  // Interruptions of a spot instance per day, until a hazard model says better: AWS's advisor has
  // its classes from below 5 % to above 20 % a month; this is the middle of the worst.
  std::int64_t interruptions_per_1000_days = 10;
  // What a notice that comes to nothing, or none at all, costs per guest: the work since its start
  // is lost. One notice of ten is assumed to fail.
  MicroUsd loss_of_guest{500'000};
  std::int64_t notices_lost_percent = 10;
  // A move for money must save at least this part of what its nodes cost: below it, prices move
  // back before the saving has paid for anything. Surcharges of 1.7 % to 5 % of on-demand prices
  // kept 62 to 99.9 % of moves away in trials with 10 % noise.
  std::int64_t saving_percent_min = 10;
  // And its guests were left alone for as long: bounds the moves of any one guest per day.
  Duration stay_min = std::chrono::minutes(15);
  // After a launch or a move the fleet is left alone for as long, as far as money goes: one
  // decision at a time, and the next one sees what came of it.
  Duration quiet_after = std::chrono::minutes(1);
  // Before guests come back from on-demand, a pool has been sound for as long: prices below the
  // maximum, no refusal, no loss.
  Duration return_after = std::chrono::minutes(10);
  // A pool that lost an instance is not launched in for as long: 92 % of interruptions have
  // another one in their pool within 3 minutes, and capacity stays away for longer than that.
  Duration loss_backoff = std::chrono::minutes(30);
  // A node that nobody needs is kept as long, for what may come next. Per-second billing makes
  // waiting cost; a launch costs its minimum of a minute.
  Duration idle_after = std::chrono::minutes(2);
  // A pool is entered where the forecast is at most this part of the ceiling, and left when the
  // price passes `leave_percent` of the bid: the gap keeps guests from going in and out.
  std::int64_t enter_percent = 90, leave_percent = 95;
  // The forecast prolongs the rise of the last `trend`, for at most as long again: prices that
  // jumped are taken to rise no further. A fall is never prolonged.
  Duration trend = std::chrono::minutes(10);
  Bid bid = Bid::kOnDemand;

  // --- Bounds.

  // Nodes that are left for money by one plan: the next plan sees what came of it, and a mistake of
  // the market's is not followed by the whole fleet at once. With quiet_after, eight a minute.
  std::uint32_t nodes_left_max = 8;

  // Escape destinations of one guest: the first has its room reserved. With the guest's own node
  // they are its set, and every node of a set answers in a takeover.
  std::uint32_t escapes_max = 3;

  bool operator==(const Policy&) const = default;
};

}  // namespace godwit::fleet
