// Text forms of money, time and base64, as EC2 writes them.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/money.h"
#include "base/time.h"

namespace godwit::localcloud {

// "0.0345": digits with at most one point; more than six decimals only if zeros. No sign, at most
// one million dollars.
Result<MicroUsdPerHour> parse_usd(std::string_view text);
std::string usd_text(MicroUsdPerHour price);  // "0.034500".

// "2026-11-24T03:22:27Z", with or without a fraction of a second.
Result<Time> parse_time(std::string_view text);
std::string time_text(Time time);  // "2026-11-24T03:22:27.000Z"; fractions below ms are cut.
std::string time_text_seconds(Time time);  // "2026-11-24T03:22:27Z".

inline Time whole_seconds(Time time) { return std::chrono::floor<std::chrono::seconds>(time); }

// InvalidArgument: not base64 with its padding; line ends are skipped.
Result<std::string> decode_base64(std::string_view text);

}  // namespace godwit::localcloud
