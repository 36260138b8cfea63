// Pending keys.
#include "keys/activate.hpp"

#include "keys_fixture.hpp"

namespace keyward::test {
namespace {

// RFC 7636, appendix B.
constexpr std::string_view kVerifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
constexpr std::string_view kChallenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const std::string kWrong(43, 'x');

class KeysActivate : public KeysTest {
 protected:
  std::string make_pending(std::int64_t at_s = kNow) {
    auto asked = request("alice");
    asked.pkce_challenge = kChallenge;
    asked.now_s = at_s;
    return make(asked);
  }
  Result activate(const std::string &id, std::string_view verifier, std::int64_t at_s = kNow) {
    return result([&](WriteTxn &txn) { return keys::activate(txn, id, verifier, at_s, &activation_); });
  }

  keys::Activation activation_;
};

TEST(Pkce, ChallengesAndVerifiers) {
  EXPECT_TRUE(keys::is_s256_challenge(kChallenge));
  for (const std::string &text : {std::string(kChallenge.substr(1)), std::string(kChallenge) + "A",
                                  std::string(43, '='), std::string(42, 'A') + "B", std::string()}) {
    EXPECT_FALSE(keys::is_s256_challenge(text)) << text;
  }
  EXPECT_TRUE(keys::is_code_verifier(kVerifier));
  EXPECT_TRUE(keys::is_code_verifier(std::string(128, '~')));
  for (const std::string &text : {std::string(42, 'a'), std::string(129, 'a'), std::string(43, '+'), std::string()}) {
    EXPECT_FALSE(keys::is_code_verifier(text)) << text;
  }
}

TEST_F(KeysActivate, TheVerifierActivatesOnce) {
  const auto id = make_pending();
  EXPECT_EQ(KeyState::pending, key(id).state);
  EXPECT_EQ(Result::done, activate(id, kWrong));
  EXPECT_FALSE(activation_.activated || activation_.revoked);
  EXPECT_EQ(1, key(id).pkce_tries);
  EXPECT_EQ(Result::done, activate(id, kVerifier, kNow + keys::kPendingSeconds - 1));
  EXPECT_TRUE(activation_.activated);
  EXPECT_EQ(KeyState::active, key(id).state);
  EXPECT_EQ("", key(id).pkce_challenge);
  EXPECT_EQ(Result::wrong_state, activate(id, kVerifier));
  EXPECT_EQ(Result::not_found, activate("key_none", kVerifier));
}

TEST_F(KeysActivate, TheFifthWrongOneRevokes) {
  const auto id = make_pending();
  for (unsigned i = 1; i <= keys::kMostWrongVerifiers; ++i) {
    EXPECT_EQ(Result::done, activate(id, i % 2 == 0 ? std::string_view(kWrong) : kChallenge));
    EXPECT_EQ(i == keys::kMostWrongVerifiers, activation_.revoked);
  }
  EXPECT_EQ(KeyState::revoked, key(id).state);
  EXPECT_EQ(Result::wrong_state, activate(id, kVerifier));
}

TEST_F(KeysActivate, TenMinutesRevoke) {
  const auto id = make_pending();
  EXPECT_EQ(Result::done, activate(id, kVerifier, kNow + keys::kPendingSeconds));
  EXPECT_FALSE(activation_.activated);
  EXPECT_TRUE(activation_.revoked);
  EXPECT_EQ(KeyState::revoked, key(id).state);
}

TEST_F(KeysActivate, ALapsedOneTakesNoPlaceAndEndsWithTheNext) {
  plan("one", [](keys::PlanRequest *asked) { asked->max_keys.emplace(1U); });
  subject("alice", [](keys::SubjectRequest *asked) { asked->plan = "one"; });
  const auto id = make_pending(kNow - keys::kPendingSeconds + 1);
  EXPECT_EQ(Result::too_many_keys, create({}, request("alice")).result);
  const auto late = make_pending(kNow + 1);
  EXPECT_EQ(KeyState::revoked, key(id).state);
  EXPECT_EQ(KeyState::pending, key(late).state);
}

TEST_F(KeysActivate, ABlockedSubjectActivatesNothing) {
  const auto id = make_pending();
  subject("alice", [](keys::SubjectRequest *asked) { asked->state = SubjectState::blocked; });
  EXPECT_EQ(Result::caller_ended, activate(id, kVerifier));
  EXPECT_EQ(KeyState::pending, key(id).state);
  EXPECT_EQ(0, key(id).pkce_tries);
}

TEST_F(KeysActivate, ABadChallengeMakesNoKey) {
  auto asked = request("alice");
  asked.pkce_challenge = "plain";
  EXPECT_EQ(Result::invalid, create({}, asked).result);
}

}  // namespace
}  // namespace keyward::test
