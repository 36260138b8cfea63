// Plans in words and in JSON.
#pragma once

#include <string>

#include "cli/context.hpp"
#include "json/json.hpp"
#include "store/record.hpp"

namespace keyward::cli {

std::string max_keys_text(const PlanRecord &plan);
// The members of its JSON object.
void write_members(json::Writer &writer, const PlanRecord &plan);
// created: whether it wasn't there before; nullptr where that says nothing.
void print_plan(Context &context, const PlanRecord &plan, const bool *created);

}  // namespace keyward::cli
