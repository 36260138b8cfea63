// What becomes of a token, and why.
#pragma once

#include <cstdint>
#include <string_view>

namespace keyward::jwt {

// What an answer depends on.
enum class Outcome : std::uint8_t {
  accepted,
  invalid_token,     // 401
  expired_token,     // 401: nothing but its time is wrong
  unknown_key,       // an issuer that fetches its keys has none of this kid: fetch, wait, verify again; else 503
  keys_unavailable,  // an issuer that it may be for has no keys yet: wait, verify again; else 503
  internal_error     // memory, or the cryptographic library: 500; says nothing about the token
};

// For people (`keyward token inspect`), never for answers. In the order in which things are looked at: of several
// issuers' causes the last here is the one to tell.
enum class Cause : std::uint8_t {
  none,
  too_long,
  not_three_parts,
  bad_encoding,
  bad_header,
  bad_header_member,
  critical_header,
  unknown_algorithm,
  bad_payload,
  wrong_issuer,
  algorithm_not_allowed,
  no_keys,
  unknown_key,
  bad_signature,
  wrong_type,
  required_claim,
  bad_claim,
  wrong_audience,
  bad_time,
  no_expiry,
  unknown_lifetime,
  lifetime_too_long,
  not_yet_valid,
  issued_in_future,
  numeric_subject,
  unfit_number,
  bad_subject,
  bad_plan,
  expired,
  too_many_keys,
  crypto_failure
};

// The claims of RFC 7519 that a cause may be about.
enum class NamedClaim : std::uint8_t { none, iss, aud, jti, exp, nbf, iat };

// A cause, and which claim it is about, where that is one of these.
struct Finding {
  constexpr Finding(Cause of = Cause::none, NamedClaim about = NamedClaim::none) noexcept : cause(of), claim(about) {}
  constexpr operator Cause() const noexcept { return cause; }

  Cause cause;
  NamedClaim claim;
};

// The outcome that a cause leads to, where no issuer can get further keys.
Outcome outcome_of(Cause cause) noexcept;

// The name of the reason (auth/reason.hpp) that it leads to, or of what is no reason there.
std::string_view to_text(Outcome outcome) noexcept;
// A clause such as "its iss is not that of an accepted issuer"; it quotes nothing of the token.
std::string_view to_text(Cause cause) noexcept;

}  // namespace keyward::jwt
