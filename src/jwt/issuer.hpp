// What a keyward_issuer block says, as far as tokens are judged by it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "crypto/algorithm.hpp"
#include "jwt/claim_path.hpp"
#include "jwt/key_set.hpp"

namespace keyward::jwt {

// `require CLAIM VALUE...`: the claim is one of these, or an array with one of these in it. Strings count as they are,
// numbers as the token writes them, booleans as true and false; objects and null never match.
struct Requirement {
  ClaimPath claim;
  std::vector<std::string> values;
};

// A value type; const once the configuration was read. Its keys are apart, as they change.
struct Issuer {
  std::string name;
  bool fetches_keys = false;  // jwks_uri: an unknown kid may be in the next set
  // Of what its keys allow. HS* is only ever allowed by secrets, and those come from files only.
  crypto::AlgorithmSet algorithms = crypto::AlgorithmSet::all();

  std::vector<std::string> issuers;    // what iss may be; empty: anything
  std::vector<std::string> audiences;  // empty: any
  std::string type;                    // empty: any
  std::vector<Requirement> require;    // all of them

  std::int64_t leeway_s = 30;
  std::int64_t max_lifetime_s = 0;  // 0: none
  bool require_expiry = true;

  std::vector<ClaimPath> scope_claims = {ClaimPath("scope"), ClaimPath("scp"), ClaimPath("permissions")};
  bool scope_claims_named = false;  // the directive has named them: objects count in these, too
  bool every_scope_claim = false;   // all of them together; else the first that is there
  bool scope_wildcards = false;
  ClaimPath subject_claim = ClaimPath("sub");
  std::string subject_prefix;
  bool subject_may_be_number = false;  // a whole one from 0 to 2^53 - 1: it names what its digits would
  ClaimPath plan_claim;                // empty: none

  // Not the core's, but said in the same place: what it grants whomever it admits, and how its subjects are looked up.
  std::vector<std::string> grant;
  std::string plan;
  bool subject_required = false;
  bool subject_shared = false;
};

// Whether tokens signed by one and the same key can be told apart: two issuers whose key sets share one must differ so.
bool are_distinct(const Issuer &a, const Issuer &b);
// Whether nothing but audiences does: each names some, and none is the other's. Between two such issuers a token's
// audience takes part in the choice.
bool differ_by_audience(const Issuer &a, const Issuer &b);

}  // namespace keyward::jwt
