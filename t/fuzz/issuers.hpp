// The issuers and keys that fuzzed tokens are judged by. Their private keys were thrown away; the secret is public.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/digest.hpp"
#include "jwt/verify.hpp"

namespace keyward::fuzz {

inline constexpr std::int64_t kNow = 1700000000;
inline constexpr char kSecret[] = "a secret that everybody may know: it guards nothing, see here";

// The seeds' keys: Ed25519, P-256 and RSA.
inline constexpr char kKeySet[] =
    R"({"keys":[{"kty":"OKP","crv":"Ed25519","kid":"ed","x":"jUeH3SOJJEzaTZFnGlcFLOWmYD04IKb91Uu5wU25UWE"},{"kty":")"
    R"(EC","crv":"P-256","kid":"ec","use":"sig","x":"uij7C0kJQG61cAw3RJ17rd7ByzlzMyxk2TCDOybadcA","y":"6BQlvOPgWOtL)"
    R"(5-Do7qUhmVEEZymgaa0PTySzpBsSP7M"},{"kty":"RSA","n":"tYdP5TixsT-uqnBe86-hWipSk4cMjBozOIjEVWVIN5gOzkMwkJ1bO0AD)"
    R"(IviGzwdOU71_dUCOiRvcRUYLhie02xkQZABWRaSY6Pe8365O4Im0K4PBz-nDFWEu0zamP_zqyeggzff1Uq51d9PYyXEycB09xwyvzPu9co-b)"
    R"(uyttN9_Cj2Xh8eur4aQL0DucYhSi6DmXYYO4-GWIg_A1nrGfIlGxE7Gu4wGEIJr2fA1U2VKEmwm1uAOLyZz5a_18cu2hm8wLoh2fPed4K-s7)"
    R"(q5P94yCDhimdrgL_TGgqtf5fpLWzQKdo0YDTi85yHzaAi8eDl4VzBV3nnqWACQewSNUGLQ","e":"AQAB","key_ops":["verify"]}]})";

struct Issuers {
  Issuers() {
    init_crypto();
    std::vector<jwt::KeyRefusal> refusals;
    std::string error;
    crypto::KeyProblem problem = crypto::KeyProblem::none;
    parse_key_set(kKeySet, jwt::KeySource::fetched, &fetched_keys, &refusals, &error);
    jwt::parse_secret(kSecret, jwt::SecretForm::as_is, &secret_keys, &problem);
    fetched.name = "fetched";
    fetched.fetches_keys = true;
    fetched.issuers = {"https://id.example.com"};
    fetched.audiences = {"api"};
    fetched.scope_wildcards = true;
    secret.name = "secret";
    secret.require = {{jwt::ClaimPath("realm.roles"), {"admin", "true"}}};
    secret.plan_claim = jwt::ClaimPath("plan");
    secret.max_lifetime_s = 3600;
    secret.scope_claims = {jwt::ClaimPath("scope"), jwt::ClaimPath("/realm/roles")};
    secret.scope_claims_named = secret.every_scope_claim = true;
    secret.subject_may_be_number = true;
    lax.name = "lax";
    lax.fetches_keys = true;
    lax.type = "at+jwt";
    lax.require_expiry = false;
    accepted = {{&fetched, &fetched_keys}, {&secret, &secret_keys}, {&lax, nullptr}};
  }
  Issuers(const Issuers &) = delete;
  Issuers &operator=(const Issuers &) = delete;

  jwt::KeySet fetched_keys, secret_keys;
  jwt::Issuer fetched, secret, lax;
  std::vector<jwt::AcceptedIssuer> accepted;
};

inline const Issuers &issuers() {
  static const Issuers all;
  return all;
}

}  // namespace keyward::fuzz
