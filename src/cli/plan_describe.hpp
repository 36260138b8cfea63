// A plan's terms, for people and for programs.
#pragma once

#include <string>

#include "cli/describe.hpp"
#include "store/records/record.hpp"

namespace keyward::cli {

std::string max_keys_text(const PlanRecord &plan);
void describe(Description *to, const PlanRecord &plan);

}  // namespace keyward::cli
