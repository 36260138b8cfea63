// Key sets and issuers for tests about tokens, and the strongest thing to ask of a token that is accepted.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "jwt/verify.hpp"
#include "jwt_signer.hpp"

namespace keyward::test {

inline constexpr std::int64_t kNow = 1700000000;

inline std::string jwks(const std::vector<std::string> &keys) {
  std::string text = R"({"keys":[)";
  for (const std::string &key : keys) {
    text += (text.back() == '[' ? "" : ",") + key;
  }
  return text + "]}";
}

// A set that must be good, all of it.
inline jwt::KeySet set_of(const std::vector<std::string> &keys, jwt::KeySource source = jwt::KeySource::file) {
  init_crypto();
  jwt::KeySet set;
  std::vector<jwt::KeyRefusal> refusals;
  std::string error;
  EXPECT_TRUE(jwt::parse_key_set(jwks(keys), source, &set, &refusals, &error)) << error;
  for (const jwt::KeyRefusal &refusal : refusals) {
    ADD_FAILURE() << "key " << refusal.index << ": " << to_text(refusal.problem);
  }
  return set;
}

inline jwt::KeySet set_of(const Signer &signer, const std::string &members = "") {
  return set_of({signer.jwk(members)});
}

inline jwt::Issuer issuer_named(const std::string &name) {
  jwt::Issuer issuer;
  issuer.name = name;
  return issuer;
}

inline std::string claims_with(const std::string &members) {
  return R"({"sub":"alice","exp":)" + std::to_string(kNow + 3600) + (members.empty() ? "" : "," + members) + "}";
}

inline jwt::Verdict verify(const jwt::Issuer &issuer, const jwt::KeySet &keys, std::string_view token,
                           std::int64_t now_s = kNow) {
  return jwt::verify_token({{&issuer, &keys}}, token, now_s);
}

// Accepted, and refused with any bit of its signature flipped and cut at any length.
inline void expect_solid(const jwt::Issuer &issuer, const jwt::KeySet &keys, const std::string &token) {
  const jwt::Verdict verdict = verify(issuer, keys, token);
  ASSERT_EQ(verdict.outcome, jwt::Outcome::accepted) << to_text(verdict.cause);
  for (std::size_t size = 0; size < token.size(); ++size) {
    ASSERT_EQ(verify(issuer, keys, std::string_view(token).substr(0, size)).outcome, jwt::Outcome::invalid_token)
        << size;
  }
  const std::size_t dot = token.rfind('.');
  std::string signature;
  ASSERT_TRUE(from_base64url(std::string_view(token).substr(dot + 1), &signature));
  for (std::size_t bit = 0; bit < 8 * signature.size(); ++bit) {
    std::string flipped = signature;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    const jwt::Verdict refused = verify(issuer, keys, token.substr(0, dot + 1) + to_base64url(flipped));
    ASSERT_EQ(refused.outcome, jwt::Outcome::invalid_token) << bit;
    ASSERT_EQ(refused.cause, jwt::Cause::bad_signature) << bit;
    ASSERT_EQ(refused.issuer, jwt::kNoIssuer);
  }
  // Longer ones: whole bytes in front or behind.
  for (const std::string &longer : {signature + '\0', '\0' + signature, signature + signature}) {
    ASSERT_EQ(verify(issuer, keys, token.substr(0, dot + 1) + to_base64url(longer)).cause, jwt::Cause::bad_signature);
  }
}

}  // namespace keyward::test
