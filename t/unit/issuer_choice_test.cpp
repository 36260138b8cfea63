// Which of several issuers a token is for, and which key sets are worth waiting for.
#include <gtest/gtest.h>

#include "jwt_fixture.hpp"

namespace keyward::jwt {
namespace {

using crypto::Algorithm;
using crypto::KeyType;
using test::claims_with;
using test::issuer_named;
using test::kNow;
using test::set_of;
using test::Signer;

// Two issuers with keys of their own, unless a test changes that.
class IssuerChoice : public testing::Test {
 protected:
  IssuerChoice() : a_(issuer_named("a")), b_(issuer_named("b")) {
    a_keys_ = set_of({first_.jwk(R"("kid":"1")")});
    b_keys_ = set_of({second_.jwk(R"("kid":"1")")});
  }

  Verdict judge(const std::string &token) const {
    return verify_token({{&a_, &a_keys_}, {&b_, &b_keys_}}, token, kNow);
  }

  static std::string signed_by(const Signer &signer, const std::string &members = "",
                               const std::string &header = R"(,"kid":"1")") {
    return signer.token(Algorithm::eddsa, claims_with(members), header);
  }

  Signer first_ = Signer::make(KeyType::ed25519);
  Signer second_ = Signer::make(KeyType::ed25519);
  Issuer a_, b_;
  KeySet a_keys_, b_keys_;
};

// One kid, two issuers: peers resolved it to whichever came first.
TEST_F(IssuerChoice, GoesByIssuerAndKid) {
  EXPECT_EQ(judge(signed_by(first_)).issuer, 0U);
  EXPECT_EQ(judge(signed_by(second_)).issuer, 1U);
  EXPECT_EQ(judge(signed_by(second_)).outcome, Outcome::accepted);
  EXPECT_EQ(judge(signed_by(Signer::make(KeyType::ed25519))).cause, Cause::bad_signature);
  // Only accepted ones count, and nobody is nobody.
  EXPECT_EQ(verify_token({{&b_, &b_keys_}}, signed_by(first_), kNow).outcome, Outcome::invalid_token);
  EXPECT_EQ(verify_token({}, signed_by(first_), kNow).outcome, Outcome::invalid_token);
}

TEST_F(IssuerChoice, WantsTheIssuersOwnName) {
  a_.issuers = {"https://a"};
  b_.issuers = {"https://b"};
  EXPECT_EQ(judge(signed_by(first_, R"("iss":"https://a")")).outcome, Outcome::accepted);
  // A's key, B's name: neither's.
  EXPECT_EQ(judge(signed_by(first_, R"("iss":"https://b")")).outcome, Outcome::invalid_token);
  EXPECT_EQ(judge(signed_by(first_)).cause, Cause::wrong_issuer);
  EXPECT_EQ(judge(signed_by(first_, R"("iss":"https://b")")).issuer, kNoIssuer);
}

TEST_F(IssuerChoice, IsFinal) {
  // Both have A's key, and tell their tokens apart by iss; B would take anything.
  b_keys_ = a_keys_;
  a_.issuers = {"https://a"};
  b_.require_expiry = false;
  b_.leeway_s = 1000000000;
  a_.audiences = {"api"};
  const Verdict wrong = judge(signed_by(first_, R"("iss":"https://a","aud":"other")"));
  EXPECT_EQ(wrong.outcome, Outcome::invalid_token);
  EXPECT_EQ(wrong.issuer, 0U);
  const Verdict expired =
      judge(first_.token(Algorithm::eddsa, R"({"iss":"https://a","aud":"api","exp":1600000000})", R"(,"kid":"1")"));
  EXPECT_EQ(expired.outcome, Outcome::expired_token);
  EXPECT_EQ(expired.issuer, 0U);
  EXPECT_EQ(judge(first_.token(Algorithm::eddsa, R"({"iss":"https://c","exp":1600000000})", R"(,"kid":"1")")).issuer,
            1U);
}

TEST_F(IssuerChoice, LetsTypeAndRequirementsDecideWhereKeysAreShared) {
  b_keys_ = a_keys_;
  EXPECT_FALSE(are_distinct(a_, b_));
  a_.require = {{ClaimPath("type"), {"oauth_access"}}};
  EXPECT_TRUE(are_distinct(a_, b_));
  EXPECT_TRUE(a_keys_.shares_keys_with(b_keys_));
  EXPECT_EQ(judge(signed_by(first_, R"("type":"oauth_access")")).issuer, 0U);
  EXPECT_EQ(judge(signed_by(first_, R"("type":"session")")).issuer, 1U);
  b_.require = {{ClaimPath("type"), {"session"}}};
  const Verdict neither = judge(signed_by(first_, R"("type":"refresh")"));
  EXPECT_EQ(neither.outcome, Outcome::invalid_token);
  EXPECT_EQ(neither.cause, Cause::required_claim);
  EXPECT_EQ(neither.issuer, kNoIssuer);
  a_.require.clear();
  a_.type = "at+jwt";
  EXPECT_EQ(judge(signed_by(first_, R"("type":"session")", R"(,"kid":"1","typ":"at+jwt")")).issuer, 0U);
  EXPECT_EQ(judge(signed_by(first_, R"("type":"session")", R"(,"kid":"1","typ":"JWT")")).issuer, 1U);
}

TEST_F(IssuerChoice, TellsIssuersApart) {
  Issuer c = a_;
  c.audiences = {"x"};
  c.leeway_s = 0;
  EXPECT_FALSE(are_distinct(a_, c));  // these alone don't take part in the choice
  c.issuers = {"https://c"};
  EXPECT_TRUE(are_distinct(a_, c));
  c = a_;
  c.type = "at+jwt";
  EXPECT_TRUE(are_distinct(a_, c));
  a_.type = "application/AT+JWT";
  EXPECT_FALSE(are_distinct(a_, c));
}

TEST_F(IssuerChoice, TakesSeveralNames) {
  a_.issuers = {"https://a", "https://old-a"};
  for (const char *name : {"https://a", "https://old-a"}) {
    EXPECT_EQ(judge(signed_by(first_, std::string(R"("iss":")") + name + '"')).issuer, 0U) << name;
  }
  EXPECT_EQ(judge(signed_by(first_, R"("iss":"https://")")).cause, Cause::bad_signature);  // B's verdict
  EXPECT_EQ(judge(signed_by(first_, R"("iss":["https://a"])")).issuer, kNoIssuer);
  Issuer c = a_;
  c.issuers = {"https://old-a", "https://a", "https://a"};
  EXPECT_FALSE(are_distinct(a_, c));  // the same, in another order
  c.issuers = {"https://a"};
  EXPECT_TRUE(are_distinct(a_, c));
}

// One key, and nothing but audiences to tell whose a token is.
TEST_F(IssuerChoice, GoesByAudienceWhereNothingElseDiffers) {
  b_keys_ = a_keys_;
  a_.audiences = {"shop", "shop-v2"};
  EXPECT_FALSE(are_distinct(a_, b_));  // one without would take what the other refuses
  b_.audiences = {"shop-v2", "desk"};
  EXPECT_FALSE(are_distinct(a_, b_));
  b_.audiences = {"desk"};
  EXPECT_TRUE(are_distinct(a_, b_));
  EXPECT_TRUE(differ_by_audience(a_, b_));
  EXPECT_EQ(judge(signed_by(first_, R"("aud":"shop")")).issuer, 0U);
  EXPECT_EQ(judge(signed_by(first_, R"("aud":["x","desk"])")).issuer, 1U);
  EXPECT_EQ(judge(signed_by(first_, R"("aud":["desk"])")).outcome, Outcome::accepted);
  EXPECT_EQ(judge(signed_by(first_, R"("aud":["desk","shop"])")).issuer, 0U);
  // Of neither, it is the first one's all the same.
  for (const char *claims : {R"("aud":"other")", R"("aud":[])", ""}) {
    const Verdict neither = judge(signed_by(first_, claims));
    EXPECT_EQ(neither.cause, Cause::wrong_audience) << claims;
    EXPECT_EQ(neither.outcome, Outcome::invalid_token);
    EXPECT_EQ(neither.issuer, 0U);
    EXPECT_TRUE(a_keys_.has(neither.key));
  }
  EXPECT_EQ(judge(signed_by(first_, R"("aud":5)")).cause, Cause::bad_claim);
  EXPECT_EQ(judge(signed_by(first_, R"("aud":["desk",5])")).cause, Cause::bad_claim);
  // With keys of its own, too, the other one's is looked at.
  b_keys_ = set_of({second_.jwk(R"("kid":"1")")});
  EXPECT_EQ(judge(signed_by(first_, R"("aud":"desk")")).cause, Cause::wrong_audience);
  EXPECT_EQ(judge(signed_by(second_, R"("aud":"desk")")).issuer, 1U);
}

TEST_F(IssuerChoice, NeverPassesAnAudienceOnToALaxerIssuer) {
  b_keys_ = a_keys_;
  a_.issuers = b_.issuers = {"https://a"};
  a_.audiences = {"shop"};
  b_.audiences = {"desk"};
  Issuer any = issuer_named("any");  // differs by its issuer, and asks for no audience
  Issuer named = issuer_named("named");
  named.audiences = {"other"};  // differs by its issuer, too
  const auto judge_all = [&](const std::string &aud) {
    return verify_token({{&a_, &a_keys_}, {&any, &a_keys_}, {&named, &a_keys_}, {&b_, &b_keys_}},
                        signed_by(first_, R"("iss":"https://a","aud":")" + aud + '"'), kNow);
  };
  EXPECT_EQ(judge_all("shop").issuer, 0U);
  EXPECT_EQ(judge_all("desk").issuer, 3U);  // past both of them
  EXPECT_EQ(judge_all("other").cause, Cause::wrong_audience);
  EXPECT_EQ(judge_all("other").issuer, 0U);
  // Whose audience it is may still refuse it: that is final, too.
  b_.max_lifetime_s = 60;
  EXPECT_EQ(judge_all("desk").issuer, 3U);
  EXPECT_EQ(judge_all("desk").cause, Cause::unknown_lifetime);
}

TEST_F(IssuerChoice, AwaitsKeysOfWhomTheAudienceNames) {
  b_keys_ = a_keys_;
  a_.audiences = {"shop"};
  b_.audiences = {"desk"};
  a_.fetches_keys = b_.fetches_keys = true;
  // A's keys aren't there: no reason to keep B's tokens waiting.
  a_.issuers = b_.issuers = {"https://a"};
  const std::string named = signed_by(first_, R"("iss":"https://a","aud":"desk")");
  EXPECT_EQ(verify_token({{&a_, nullptr}, {&b_, &b_keys_}}, named, kNow).issuer, 1U);
  EXPECT_EQ(
      verify_token({{&a_, nullptr}, {&b_, &b_keys_}}, signed_by(first_, R"("iss":"https://a","aud":"shop")"), kNow)
          .outcome,
      Outcome::keys_unavailable);
  // B's aren't: its tokens wait, and others' are refused.
  EXPECT_EQ(verify_token({{&a_, &a_keys_}, {&b_, nullptr}}, named, kNow).awaited, std::vector<std::size_t>{1});
  const Verdict other =
      verify_token({{&a_, &a_keys_}, {&b_, nullptr}}, signed_by(first_, R"("iss":"https://a","aud":"x")"), kNow);
  EXPECT_EQ(other.cause, Cause::wrong_audience);
  EXPECT_TRUE(other.awaited.empty());
}

TEST_F(IssuerChoice, KeepsToTheIssuersAlgorithms) {
  a_.algorithms = {Algorithm::rs256};
  EXPECT_EQ(judge(signed_by(first_)).cause, Cause::bad_signature);  // B's verdict, which comes later
  EXPECT_EQ(test::verify(a_, a_keys_, signed_by(first_)).cause, Cause::algorithm_not_allowed);
}

TEST_F(IssuerChoice, AwaitsAnUnknownKidOfAFetchedSet) {
  const Signer fresh = Signer::make(KeyType::ed25519);
  const std::string token = signed_by(fresh, "", R"(,"kid":"2")");
  EXPECT_EQ(judge(token).outcome, Outcome::invalid_token);
  EXPECT_EQ(judge(token).cause, Cause::unknown_key);
  b_.fetches_keys = true;
  const Verdict verdict = judge(token);
  EXPECT_EQ(verdict.outcome, Outcome::unknown_key);
  EXPECT_EQ(verdict.awaited, std::vector<std::size_t>{1});
  EXPECT_EQ(verdict.issuer, kNoIssuer);
  // The fetch brought it.
  b_keys_ = set_of({second_.jwk(R"("kid":"1")"), fresh.jwk(R"("kid":"2")")});
  EXPECT_EQ(judge(token).outcome, Outcome::accepted);
  EXPECT_TRUE(judge(token).awaited.empty());
}

TEST_F(IssuerChoice, AwaitsNothingInVain) {
  a_.fetches_keys = true;
  // Nothing that the set could bring: another iss, an algorithm that isn't allowed or needs a secret, no kid, a kid
  // that is there.
  EXPECT_EQ(judge(signed_by(second_, "", "")).issuer, 1U);
  EXPECT_EQ(judge(signed_by(Signer::make(KeyType::ed25519), "", "")).outcome, Outcome::invalid_token);
  EXPECT_EQ(judge(signed_by(Signer::make(KeyType::ed25519))).outcome, Outcome::invalid_token);
  const std::string unknown = R"(,"kid":"2")";
  EXPECT_EQ(judge(Signer::shared(KeyType::secret).token(Algorithm::hs256, claims_with(""), unknown)).outcome,
            Outcome::invalid_token);
  EXPECT_EQ(judge(signed_by(first_, "", unknown)).outcome, Outcome::unknown_key);
  a_.algorithms = {Algorithm::es256};
  EXPECT_EQ(judge(signed_by(first_, "", unknown)).outcome, Outcome::invalid_token);
  a_.algorithms = crypto::AlgorithmSet::all();
  a_.issuers = {"https://a"};
  EXPECT_EQ(judge(signed_by(first_, "", unknown)).outcome, Outcome::invalid_token);
  // Whoever can verify it has it.
  a_.issuers.clear();
  b_keys_ = set_of({second_.jwk()});
  EXPECT_EQ(judge(signed_by(second_, "", unknown)).issuer, 1U);
}

// Another type of key, or none with a kid at all, is no reason to think that the set is complete.
TEST_F(IssuerChoice, AwaitsWhereKeysWithoutAKidDontFit) {
  a_.fetches_keys = true;
  const std::string unknown = R"(,"kid":"2")";
  a_keys_ = set_of({first_.jwk()});
  EXPECT_EQ(judge(signed_by(first_, "", unknown)).issuer, 0U);
  EXPECT_EQ(judge(signed_by(Signer::make(KeyType::ed25519), "", unknown)).outcome, Outcome::unknown_key);
  a_keys_ = set_of({Signer::shared(KeyType::p256).jwk()});
  EXPECT_EQ(judge(signed_by(first_, "", unknown)).outcome, Outcome::unknown_key);
}

TEST_F(IssuerChoice, SaysWhereKeysAreNotThereYet) {
  a_.fetches_keys = true;
  b_.fetches_keys = true;
  const std::vector<AcceptedIssuer> accepted = {{&a_, nullptr}, {&b_, &b_keys_}};
  EXPECT_EQ(verify_token(accepted, signed_by(second_), kNow).outcome, Outcome::accepted);
  EXPECT_EQ(verify_token(accepted, signed_by(second_), kNow).issuer, 1U);
  const Verdict verdict = verify_token(accepted, signed_by(first_, "", R"(,"kid":"2")"), kNow);
  EXPECT_EQ(verdict.outcome, Outcome::keys_unavailable);
  EXPECT_EQ(verdict.awaited, (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(verify_token(accepted, signed_by(first_), kNow).awaited, std::vector<std::size_t>{0});
  // What isn't a token, or can't be for it, is refused all the same.
  EXPECT_EQ(verify_token(accepted, "a.b.c", kNow).outcome, Outcome::invalid_token);
  a_.issuers = {"https://a"};
  EXPECT_EQ(verify_token(accepted, signed_by(first_), kNow).outcome, Outcome::invalid_token);
}

// While the keys are away of the issuer that it would be for, nobody laxer gets the token.
TEST_F(IssuerChoice, LeavesNothingToALaxerIssuerMeanwhile) {
  a_.fetches_keys = true;
  const std::string typed = R"(,"kid":"1","typ":"at+jwt")";
  const std::vector<AcceptedIssuer> accepted = {{&a_, nullptr}, {&b_, &b_keys_}};
  const auto verdict = [&](const std::string &members, const std::string &header = R"(,"kid":"1")") {
    return verify_token(accepted, signed_by(second_, members, header), kNow);
  };
  a_.type = "at+jwt";
  EXPECT_EQ(verdict("", typed).outcome, Outcome::keys_unavailable);
  EXPECT_EQ(verdict("", typed).awaited, std::vector<std::size_t>{0});
  EXPECT_EQ(verdict("", typed).issuer, kNoIssuer);
  EXPECT_EQ(verdict("").issuer, 1U);  // of another type, so never a's
  a_.type.clear();
  a_.require = {{ClaimPath("tier"), {"gold"}}};
  EXPECT_EQ(verdict(R"("tier":"gold")").outcome, Outcome::keys_unavailable);
  EXPECT_EQ(verdict(R"("tier":"tin")").issuer, 1U);
  a_.require.clear();
  a_.issuers = {"https://a"};
  EXPECT_EQ(verdict(R"("iss":"https://a")").outcome, Outcome::keys_unavailable);
  EXPECT_EQ(verdict(R"("iss":"https://b")").issuer, 1U);
}

TEST_F(IssuerChoice, LeavesNothingToALaxerIssuerOfTheSamePlace) {
  // A's worker has still the old set, b's the new one.
  a_.fetches_keys = b_.fetches_keys = true;
  b_keys_ = set_of({first_.jwk(R"("kid":"1")"), second_.jwk(R"("kid":"2")")});
  const std::string token = signed_by(second_, "", R"(,"kid":"2")");
  EXPECT_EQ(verify_token({{&a_, &a_keys_, "https://one"}, {&b_, &b_keys_, "https://other"}}, token, kNow).issuer, 1U);
  const Verdict verdict = verify_token({{&a_, &a_keys_, "https://one"}, {&b_, &b_keys_, "https://one"}}, token, kNow);
  EXPECT_EQ(verdict.outcome, Outcome::unknown_key);
  EXPECT_EQ(verdict.awaited, std::vector<std::size_t>{0});
  a_.type = "at+jwt";
  EXPECT_EQ(verify_token({{&a_, &a_keys_, "https://one"}, {&b_, &b_keys_, "https://one"}}, token, kNow).issuer, 1U);
}

}  // namespace
}  // namespace keyward::jwt
