// The state of a limit in an answer's fields, as the IETF's draft has them (draft-ietf-httpapi-ratelimit-headers, from
// version 08 on).
#pragma once

#include <cstdint>
#include <string>

#include "decide/outcome.hpp"

namespace keyward {

// RateLimit-Policy: `"plan";q=1000;w=3600`.
std::string policy_field(const TightestLimit &limit);
// RateLimit: `"plan";r=998;t=3421`. reset_s: from now on.
std::string state_field(const TightestLimit &limit, std::uint64_t reset_s);

}  // namespace keyward
