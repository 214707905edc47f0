// A plan as text, for people, `godwit plan` and goldens: one line per action, amounts in dollars.
#pragma once

#include <string>

#include "core/plan/plan.h"

namespace godwit::plan {

std::string to_text(const Plan& plan);

std::string to_text(const fleet::OfferingKey& key);  // "c8i.large/us-east-1a spot".
std::string dollars(MicroUsd amount);                // "-0.341000 $".
std::string to_text(MicroUsdPerHour rate);           // "0.034100 $/h".

}  // namespace godwit::plan
