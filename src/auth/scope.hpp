// Scopes (RFC 6749, section 3.3) and grants: what is asked for, and what covers it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/heap_bytes.hpp"

namespace keyward {

// A scope that a location may require: a scope token without '*'.
bool is_scope(std::string_view text) noexcept;
// What a key, a plan or an issuer may grant: a scope, "PREFIX:*", or "*".
bool is_grant(std::string_view text) noexcept;

// Whether one grant covers what (a scope, or another grant that is no wider).
bool covers(std::string_view grant, std::string_view what) noexcept;

// keyward_scope_implies: whoever has `grant` also has each of `implied`.
struct Implication {
  std::string grant;
  std::vector<std::string> implied;
};
using Implications = std::vector<Implication>;

// A set of grants, closed under implications. Value type; immutable once built.
class Grants {
 public:
  Grants() = default;  // covers nothing
  // From a list of grants as stored: separated by single spaces. What isn't a grant is left out; literal
  // scopes that look like wildcards (a token's, without scope_wildcards) must not come here.
  Grants(std::string_view list, const Implications &implications);

  // "Everything": what an absent list means.
  static Grants all();

  // Those that both sets have. Exact also with wildcards: {a:*} and {a:b, c} share {a:b}.
  Grants intersect(const Grants &other, const Implications &implications) const;

  bool covers(std::string_view scope) const noexcept;
  // Whether the other set covers all that this one does.
  bool is_within(const Grants &other) const noexcept;
  bool is_all() const noexcept { return all_; }

  // For people, headers and challenges: the grants, space-separated, in order of writing, without
  // those that are there only because another one implies them. "*" for all().
  const std::string &text() const noexcept { return text_; }

  std::size_t heap_bytes() const noexcept { return keyward::heap_bytes(text_) + keyward::heap_bytes(closed_); }

 private:
  bool all_ = false;
  std::string text_;
  std::vector<std::string> closed_;
  std::size_t written_ = 0;  // how many of closed_, at its front, don't come from implications
};

// Splits at separator: ',' for --scope a,b and scope=A,B, ' ' for stored lists (a scope may hold a comma).
// Empty parts are dropped.
std::vector<std::string_view> split_list(std::string_view text, char separator);
std::string join(const std::vector<std::string> &parts, char separator);

}  // namespace keyward
