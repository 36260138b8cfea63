// What nginx keeps of a variable once it was read, and how that is forgotten.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "ngx/nginx/ngx.hpp"

namespace keyward {

// The next to read one of these computes it anew. By index.
void forget_variables(ngx_http_request_t *r, const std::vector<ngx_uint_t> &indexes) noexcept;

// While this lives, variables are read for a decision's own rules: as they are now, not as something read them before
// there was a principal (derived: the indexes of those that may come down to who asks, computed_variables.hpp), and
// for nobody else, as the rules may know whom nobody else is told of: a map over $keyward_subject, say. At its end
// nginx forgets all that it had not kept before; captures of regular expressions ($1) are what they were.
class DecisionReads {
 public:
  DecisionReads(ngx_http_request_t *r, const std::vector<ngx_uint_t> &derived);  // throws std::bad_alloc
  ~DecisionReads();
  DecisionReads(const DecisionReads &) = delete;
  DecisionReads &operator=(const DecisionReads &) = delete;

 private:
  static constexpr std::size_t kWordBits = 64;

  ngx_http_request_t *r_;
  std::size_t count_;
  std::uint64_t *kept_;  // a bit for each variable: few_, or in the request's pool where that has too little room
  std::array<std::uint64_t, 8> few_;
#if (NGX_PCRE)
  ngx_uint_t capture_count_;
  int *captures_;
  u_char *captures_data_;
  bool realloc_captures_;
#endif
};

}  // namespace keyward
