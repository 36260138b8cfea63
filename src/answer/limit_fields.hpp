// The state of limits in an answer's fields, by draft-ietf-httpapi-ratelimit-headers-11: an element for each limit.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "decide/outcome.hpp"

namespace keyward {

// What each limit is called, so that no two are called alike: the limit's own name; those that come after another one
// of the same name get a number, "plan-2".
std::vector<std::string> policy_names(const std::vector<SeenLimit> &limits);

// RateLimit-Policy: `"search";q=60;w=60, "plan";q=1000;w=86400`.
std::string policy_field(const std::vector<SeenLimit> &limits);
// RateLimit: `"search";r=59;t=42, "plan";r=998;t=3421`. Both clocks are those of SeenLimit::reset_in_s().
std::string state_field(const std::vector<SeenLimit> &limits, std::uint64_t now_ms, std::int64_t wall_s);

}  // namespace keyward
