// What a location accepts for each method, worked out while the configuration is read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "answer/resource.hpp"
#include "decide/demand.hpp"
#include "ngx/nginx/ngx.hpp"

namespace keyward {

struct MainConfiguration;

// A set of request methods as nginx's bits; 0 is "all".
using Methods = std::uint32_t;
inline bool applies(Methods methods, ngx_uint_t method) noexcept { return methods == 0 || (methods & method) != 0; }

// One keyward_accept, as it is written.
struct AcceptRule {
  Methods methods = 0;
  bool key = false, anonymous = false, preflight = false, unprovisioned = false;
  std::vector<std::string> issuers;      // names, in order; "token": all of them
  std::vector<std::string> key_formats;  // names, of "key=NAME,..."

  bool accepts_keys() const noexcept { return key || !key_formats.empty(); }
};

// What all rules together accept for some methods.
struct Acceptance : Accepted {
  Methods methods = 0;
};

// Rules that name a method replace those for all methods. What isn't in any of the sets is the last one's, whose
// methods are 0. Names that no issuer or format has are left out: check_issuers() and lint() tell of them. resource:
// whose audience tokens have to have where their issuer names none; nullptr: that of no resource.
std::vector<Acceptance> work_out(MainConfiguration *main, const std::vector<AcceptRule> &rules,
                                 const ProtectedResource *resource);

// All issuers, in the order in which they were written.
const IssuerList *all_issuers(MainConfiguration *main);

inline const Acceptance &acceptance_for(const std::vector<Acceptance> &all, ngx_uint_t method) noexcept {
  const Acceptance *one = all.data();
  while (!applies(one->methods, method)) {
    ++one;
  }
  return *one;
}

}  // namespace keyward
