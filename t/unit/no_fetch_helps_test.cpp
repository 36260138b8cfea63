// Tokens whose key nobody has: which of them wait for a fetch, and which are refused at once, as none could help.
#include <gtest/gtest.h>

#include "jwt_fixture.hpp"

namespace keyward::jwt {
namespace {

using crypto::Algorithm;
using crypto::KeyType;
using test::issuer_named;
using test::kNow;
using test::set_of;
using test::Signer;

constexpr std::int64_t kFetched = kNow - 100;  // when the sets' fetches began

class NoFetchHelps : public testing::Test {
 protected:
  NoFetchHelps() : a_(issuer_named("a")), b_(issuer_named("b")) {
    a_.fetches_keys = b_.fetches_keys = true;
    a_keys_ = set_of({first_.jwk(R"("kid":"1")")});
    b_keys_ = set_of({second_.jwk(R"("kid":"1")")});
  }

  // Signed by a key that is in no set, under a kid that isn't either. exp and iat: by how much after now; iat is left
  // out for INT64_MIN.
  std::string token(std::int64_t exp, std::int64_t iat, const std::string &more = "") const {
    std::string claims = R"({"sub":"alice","exp":)" + std::to_string(kNow + exp);
    claims += iat != INT64_MIN ? R"(,"iat":)" + std::to_string(kNow + iat) : "";
    return retired_.token(Algorithm::eddsa, claims + more + '}', R"(,"kid":"2")");
  }

  AcceptedIssuer a(std::int64_t fetched_at_s = kFetched) const { return {&a_, &a_keys_, {}, fetched_at_s}; }
  AcceptedIssuer b(std::int64_t fetched_at_s = kFetched) const { return {&b_, &b_keys_, {}, fetched_at_s}; }

  // What becomes of it, and what is fetched: "outcome awaited/late".
  static std::string judge(const std::vector<AcceptedIssuer> &accepted, const std::string &token) {
    const Verdict verdict = verify_token(accepted, token, kNow);
    EXPECT_EQ(verdict.issuer, kNoIssuer);
    std::string text = std::string(to_text(verdict.outcome)) + ' ';
    for (const std::size_t place : verdict.awaited) {
      text += static_cast<char>('a' + place);
    }
    text += '/';
    for (const std::size_t place : verdict.late) {
      text += static_cast<char>('a' + place);
    }
    return text;
  }

  Signer first_ = Signer::make(KeyType::ed25519);
  Signer second_ = Signer::make(KeyType::ed25519);
  Signer retired_ = Signer::make(KeyType::ed25519);
  Issuer a_, b_;
  KeySet a_keys_, b_keys_;
};

TEST_F(NoFetchHelps, WhereTheTokenWasIssuedWellBeforeTheLastFetch) {
  for (const auto &[iat, wanted] : std::vector<std::pair<std::int64_t, const char *>>{
           {-131, "invalid_token /a"},  // more than the leeway of 30 s before it
           {-130, "unknown_key a/"},
           {-100, "unknown_key a/"},
           {-1, "unknown_key a/"},
           {INT64_MIN, "unknown_key a/"},
           {-1000000, "invalid_token /a"},
       }) {
    EXPECT_EQ(judge({a()}, token(600, iat)), wanted) << iat;
  }
  EXPECT_EQ(judge({a()}, token(600, INT64_MIN, R"(,"iat":-1e300)")), "invalid_token /a");
  EXPECT_EQ(judge({a()}, token(600, INT64_MIN, R"(,"iat":)" + std::to_string(kNow - 131) + ".9")), "invalid_token /a");
  a_.leeway_s = 0;
  EXPECT_EQ(judge({a()}, token(600, -101)), "invalid_token /a");
  EXPECT_EQ(judge({a()}, token(600, -100)), "unknown_key a/");
}

TEST_F(NoFetchHelps, ButNobodyKnowsThatOfASetWithoutATime) {
  EXPECT_EQ(judge({a(kNeverFetched)}, token(600, -1000000)), "unknown_key a/");
  EXPECT_EQ(judge({{&a_, nullptr, {}, kFetched}}, token(600, -1000000)), "keys_unavailable a/");
}

TEST_F(NoFetchHelps, WhereItsOwnClaimsRefuseIt) {
  a_.audiences = {"api"};
  a_.max_lifetime_s = 5000;
  a_.plan_claim = ClaimPath("plan");
  const std::string aud = R"(,"aud":"api")";
  EXPECT_EQ(judge({a()}, token(600, -1, aud)), "unknown_key a/");
  for (const auto &[exp, iat, more, wanted] : std::vector<std::tuple<int, int, std::string, const char *>>{
           {-30, -1000, aud, "expired_token /"},
           {-29, -1, aud, "unknown_key a/"},  // within the leeway
           {600, -1, R"(,"aud":"other")", "invalid_token /"},
           {600, -1, "", "invalid_token /"},
           {-3000, -5000, "", "invalid_token /"},  // expired, and something else is wrong
           {600, 31, aud, "invalid_token /"},      // of the future
           {600, 30, aud, "unknown_key a/"},
           {600, -1, aud + R"(,"nbf":)" + std::to_string(kNow + 31), "invalid_token /"},
           {5000, -1, aud, "invalid_token /"},  // it lives too long
           {600, -1, aud + R"(,"jti":5)", "invalid_token /"},
           {600, -1, aud + R"(,"plan":7)", "invalid_token /"},
       }) {
    EXPECT_EQ(judge({a()}, token(exp, iat, more)), wanted) << exp << ' ' << iat << ' ' << more;
    // As long as there are no keys at all, the same holds.
    const std::string without = wanted == std::string("unknown_key a/") ? "keys_unavailable a/" : wanted;
    EXPECT_EQ(judge({{&a_, nullptr}}, token(exp, iat, more)), without) << exp << ' ' << iat << ' ' << more;
  }
}

TEST_F(NoFetchHelps, ForEveryIssuerThatItMayBeFor) {
  const std::string fresh = token(600, -1);
  const std::string old = token(600, -1000);
  EXPECT_EQ(judge({a(), b()}, fresh), "unknown_key ab/");
  EXPECT_EQ(judge({a(), b()}, old), "invalid_token /ab");
  EXPECT_EQ(judge({a(), b(kNow - 2000)}, old), "unknown_key b/a");
  EXPECT_EQ(judge({a(kNow - 2000), b()}, old), "unknown_key a/b");
  EXPECT_EQ(judge({a(), {&b_, nullptr}}, old), "keys_unavailable b/a");
  b_.audiences = {"api"};
  EXPECT_EQ(judge({a(), b()}, fresh), "unknown_key a/");
  EXPECT_EQ(judge({a(), {&b_, nullptr}}, old), "invalid_token /a");
  EXPECT_EQ(judge({a(), {&b_, nullptr}}, token(-600, -1000)), "expired_token /");
  a_.audiences = {"other"};
  EXPECT_EQ(judge({a(), {&b_, nullptr}}, fresh), "invalid_token /");
  a_.require_expiry = false;
  a_.audiences.clear();
  a_.leeway_s = 1000;
  EXPECT_EQ(judge({a(), b()}, token(-600, -700)), "unknown_key a/");  // not expired for this one
  // An issuer that it can't be for has nothing to say: its kid isn't awaited there.
  b_ = issuer_named("b");
  b_.issuers = {"https://b"};
  EXPECT_EQ(judge({b()}, fresh), "invalid_token /");
}

// A laxer issuer has the key, and the token may be a stricter one's, whose keys are away.
TEST_F(NoFetchHelps, NorMakesItAnothersToken) {
  a_.type = "at+jwt";
  a_.audiences = {"api"};
  const auto laxer = [&](const std::string &members, std::int64_t exp = 600) {
    const std::string claims = R"({"exp":)" + std::to_string(kNow + exp) + members + '}';
    return judge({{&a_, nullptr}, b()}, second_.token(Algorithm::eddsa, claims, R"(,"kid":"1","typ":"at+jwt")"));
  };
  // a would refuse it for its audience, and b would take it: whose it is has to be known first.
  EXPECT_EQ(laxer(R"(,"aud":"other")"), "keys_unavailable a/");
  EXPECT_EQ(laxer(R"(,"aud":"api")"), "keys_unavailable a/");
  EXPECT_EQ(laxer(R"(,"aud":"other")", -600), "expired_token /");  // both refuse it
  EXPECT_EQ(laxer(R"(,"aud":"api")", -600), "expired_token /");
  a_.require_expiry = false;
  a_.leeway_s = 10000;
  EXPECT_EQ(laxer(R"(,"aud":"api")", -600), "keys_unavailable a/");
}

}  // namespace
}  // namespace keyward::jwt
