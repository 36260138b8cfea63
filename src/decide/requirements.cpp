// One after another, as they are written.
#include "decide/requirements.hpp"

#include <algorithm>

namespace keyward {
namespace {

// As nginx's `if` and the modules with conditions take it, and a claim that is false.
bool holds(std::string_view value) noexcept { return !value.empty() && value != "0" && value != "false"; }

bool is_met(const RequirementDemand &demand) noexcept {
  return std::all_of(demand.values, demand.values + demand.count, holds);
}

}  // namespace

Reason check_requirements(const Demand &demand) noexcept {
  const RequirementDemand *end = demand.requirements + demand.requirement_count;
  const RequirementDemand *failed = std::find_if_not(demand.requirements, end, is_met);
  return failed == end ? Reason::none : failed->reason;
}

}  // namespace keyward
