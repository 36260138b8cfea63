// The directives of a keyward_issuer block that are about tokens, not about where keys come from: nginx reads them with
// these, and so does `keyward token inspect`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/words.hpp"
#include "jwt/issuer.hpp"

namespace keyward {

struct IssuerRule {
  std::string_view name;
  std::size_t least, most;  // words, without the name
  bool repeatable;
  Wrong (*set)(const Words &words, jwt::Issuer *rules);
};

const IssuerRule *find_issuer_rule(std::string_view name) noexcept;
std::string issuer_rule_names();  // for a message

// Up to 64 letters, digits, '-', '_' and '.'.
bool is_issuer_name(std::string_view name) noexcept;
// The words of keyward_accept, which such a name would be taken for.
bool is_accept_word(std::string_view name) noexcept;

// What a CLAIM may be, in a block and in keyward_claim.
Wrong check_claim(std::string_view name);

// A time as nginx writes it, of at least so many seconds.
Wrong parse_seconds(std::string_view word, std::int64_t least, std::int64_t *seconds);

}  // namespace keyward
