// The judgement of a token by the issuers that a location accepts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "jwt/cause.hpp"
#include "jwt/claims.hpp"
#include "jwt/identity.hpp"
#include "jwt/issuer.hpp"
#include "jwt/jws.hpp"
#include "jwt/key_set.hpp"
#include "jwt/signature_checks.hpp"

namespace keyward::jwt {

inline constexpr std::int64_t kNeverFetched = INT64_MIN;

// Views: both outlive the call. keys is nullptr until an issuer's keys are there.
struct AcceptedIssuer {
  const Issuer *issuer = nullptr;
  const KeySet *keys = nullptr;
  std::string_view place =
      {};  // where its keys are fetched: issuers of one place have the same keys; empty: one of its own
  // The Unix time at which the fetch began that brought keys, where these are all that the issuer published then.
  std::int64_t fetched_at_s = kNeverFetched;
};

inline constexpr std::size_t kNoIssuer = ~std::size_t{0};

struct Verdict {
  Outcome outcome = Outcome::invalid_token;
  Finding cause;
  // The issuer whose verdict it is, by its place among the accepted ones; kNoIssuer: of no accepted issuer.
  std::size_t issuer = kNoIssuer;
  // Of a token that was refused without a look at its signature: by whom, if there is one that it is meant for.
  std::size_t unseen_by = kNoIssuer;
  // Where the outcome is unknown_key or keys_unavailable: the issuers whose next key set may change it, by place, in
  // order.
  std::vector<std::size_t> awaited;
  // Where the outcome is invalid_token: issuers whose set should have the token's key, by the time at which the token
  // says that it was issued. Worth fetching, in case they published it late, and not worth waiting for.
  std::vector<std::size_t> late;

  // From here on only where issuer is one: its key has signed this, accepted or not.
  Digest key = {};  // KeySet::has()
  Times times;
  json::Value claims;  // an object
  // Only of an accepted token.
  Identity identity;
};

// A token taken apart: nobody has vouched for any of it.
struct ParsedToken {
  Cause fault = Cause::none;  // why it isn't one
  Jws jws;
  json::Value claims;  // an object
};
ParsedToken parse_token(std::string_view token);

// The verdict of a token that no accepted issuer would take, whoever has signed it: by its form, or by what it says.
// Nothing where one might take it, or where its signature chooses between refusals. It costs little, so it comes before
// any signature: a client with an expired token is told so, and nobody can have signatures looked at with it.
std::optional<Verdict> refuse_unseen(const std::vector<AcceptedIssuer> &issuers, const ParsedToken &token,
                                     std::int64_t now_s);

// About how long verify_token() takes for signatures at most, in microseconds; 0: it looks at none.
std::uint32_t signature_cost_us(const std::vector<AcceptedIssuer> &issuers, const ParsedToken &token) noexcept;

// Judges token at now_s (Unix time) by issuers in their order. It is for the first one under whose key its signature
// verifies and whose issuer, type and requirements it meets; that one's verdict is final. (A key that no other issuer
// has can't verify for another: so type and requirements may always take part in the choice.) Where its audience isn't
// that one's, it may still be for a later issuer that differs from it by audience alone, and for no other. An issuer whose next key
// set may make the token its own is passed over, and named by awaited if no other one takes the token. None after it
// may, where keys are to be expected that both have: from one place, or where it has no keys yet and the token meets
// what it asks of its tokens. Nothing is awaited where no next set could help: see await_or_refuse(). Reads nothing but
// its arguments; thread-safe. Throws std::bad_alloc.
//
// Of one that is a token (no fault). Its claims move into the verdict; what is found out about its signature is added to
// checks.
Verdict verify_token(const std::vector<AcceptedIssuer> &issuers, ParsedToken *token, std::int64_t now_s,
                     SignatureChecks *checks);
// All of these as one, for whoever wants to know all there is to tell: its signature is looked at, too, where it doesn't
// change the outcome.
Verdict verify_token(const std::vector<AcceptedIssuer> &issuers, std::string_view token, std::int64_t now_s);

}  // namespace keyward::jwt
