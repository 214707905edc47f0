// Text forms of money, time, base64 and forms, as EC2 writes and reads them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/money.h"
#include "base/time.h"

namespace godwit::ec2 {

// "0.0345": digits with at most one point, below ten million. DataLoss: anything else, or a price
// that is no whole number of micro-dollars.
Result<MicroUsdPerHour> parse_usd(std::string_view text);
std::string usd_text(MicroUsdPerHour price);  // "0.034500". price >= 0.

// "2026-11-24T03:22:27Z", with or without a fraction of a second, of which microseconds are kept.
// DataLoss: not such a time.
Result<Time> parse_time(std::string_view text);
std::string time_text(Time time);  // "2026-11-24T03:22:27Z"; fractions are cut.

std::string encode_base64(std::string_view bytes);

// A form's fields, in order; names are safe as they are.
using Form = std::vector<std::pair<std::string, std::string>>;
// A space becomes '+': %20 is refused by moto, and both are right.
std::string form_text(const Form& form);

}  // namespace godwit::ec2
