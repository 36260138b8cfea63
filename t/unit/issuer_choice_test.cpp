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
  a_.issuer = "https://a";
  b_.issuer = "https://b";
  EXPECT_EQ(judge(signed_by(first_, R"("iss":"https://a")")).outcome, Outcome::accepted);
  // A's key, B's name: neither's.
  EXPECT_EQ(judge(signed_by(first_, R"("iss":"https://b")")).outcome, Outcome::invalid_token);
  EXPECT_EQ(judge(signed_by(first_)).cause, Cause::wrong_issuer);
  EXPECT_EQ(judge(signed_by(first_, R"("iss":"https://b")")).issuer, kNoIssuer);
}

TEST_F(IssuerChoice, IsFinal) {
  // Both have A's key, and tell their tokens apart by iss; B would take anything.
  b_keys_ = a_keys_;
  a_.issuer = "https://a";
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
  EXPECT_FALSE(are_distinct(a_, c));  // these don't take part in the choice
  c.issuer = "https://c";
  EXPECT_TRUE(are_distinct(a_, c));
  c = a_;
  c.type = "at+jwt";
  EXPECT_TRUE(are_distinct(a_, c));
  a_.type = "application/AT+JWT";
  EXPECT_FALSE(are_distinct(a_, c));
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
  a_.issuer = "https://a";
  EXPECT_EQ(judge(signed_by(first_, "", unknown)).outcome, Outcome::invalid_token);
  // Whoever can verify it has it.
  a_.issuer.clear();
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
  a_.issuer = "https://a";
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
  a_.issuer = "https://a";
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
