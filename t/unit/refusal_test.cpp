// Every reason in every format.
#include "answer/refusal.hpp"

#include <gtest/gtest.h>

#include "json/json.hpp"

namespace keyward {
namespace {

RefusalTexts plain_answers() {
  RefusalTexts table;
  for (std::size_t i = 0; i < kReasonCount; ++i) {
    const ReasonInfo &row = info(static_cast<Reason>(i));
    table[i] = {row.status, std::string(row.code), std::string(row.message)};
  }
  return table;
}

std::string field(const Refusal &refusal, std::string_view name) {
  for (const AnswerField &one : refusal.fields) {
    if (one.name == name) {
      return one.value;
    }
  }
  return {};
}

class RefusalTest : public testing::Test {
 protected:
  Refusal make(Reason reason, ErrorFormat format, std::string_view accept = {}) {
    errors_.format = format;
    outcome_.reason = reason;
    return make_refusal(outcome_, {answers_, errors_, realm_}, accept);
  }
  static std::string text_at(const json::Value &object, std::string_view name) {
    const json::Value *value = object.find(name);
    return value != nullptr && value->type == json::Value::Type::string ? value->text : std::string();
  }

  RefusalTexts answers_ = plain_answers();
  ErrorStyle errors_;
  std::string realm_;
  Outcome outcome_;
};

TEST_F(RefusalTest, EveryReasonInEveryFormat) {
  outcome_.required_scope = "posts:write";
  outcome_.retry_after_s = 9;
  for (std::size_t i = 1; i < kReasonCount; ++i) {
    const auto reason = static_cast<Reason>(i);
    const ReasonInfo &row = info(reason);
    for (const ErrorFormat format : {ErrorFormat::json, ErrorFormat::problem, ErrorFormat::off}) {
      const Refusal refusal = make(reason, format);
      EXPECT_EQ(refusal.status, row.status) << row.name;
      EXPECT_EQ(field(refusal, "Retry-After"), "9");
      const std::string challenge = field(refusal, "WWW-Authenticate");
      const bool asks =
          row.status == 401 || reason == Reason::insufficient_scope || reason == Reason::method_not_covered;
      EXPECT_EQ(challenge.empty(), !asks) << row.name;
      if (format == ErrorFormat::off) {
        EXPECT_TRUE(refusal.body.empty());
        EXPECT_TRUE(refusal.content_type.empty());
        continue;
      }
      json::Value body;
      std::string error;
      ASSERT_TRUE(json::parse(refusal.body, {}, &body, &error)) << refusal.body;
      EXPECT_EQ(text_at(body, "code"), row.code);
      EXPECT_EQ(text_at(body, format == ErrorFormat::json ? "error" : "title"), row.message);
      EXPECT_EQ(text_at(body, "required_scope"), reason == Reason::insufficient_scope ? "posts:write" : "");
      EXPECT_NE(body.find("retry_after"), nullptr);
      EXPECT_EQ(refusal.content_type, format == ErrorFormat::json ? "application/json" : "application/problem+json");
      if (format == ErrorFormat::problem) {
        EXPECT_EQ(text_at(body, "type"), "urn:keyward:problem:" + std::string(row.name));
      }
    }
  }
}

TEST_F(RefusalTest, AcceptChoosesWhereTheFormatIsAutomatic) {
  const auto type = [&](std::string_view accept) {
    return std::string(make(Reason::no_access, ErrorFormat::automatic, accept).content_type);
  };
  EXPECT_EQ(type(""), "application/json");
  EXPECT_EQ(type("text/html, */*"), "application/json");
  EXPECT_EQ(type("text/html, Application/Problem+JSON;q=0.5"), "application/problem+json");
  EXPECT_EQ(type("application/problem+json;q=0"), "application/json");
  EXPECT_EQ(type("application/problem+json ; charset=utf-8 ; Q=0.000"), "application/json");
  EXPECT_EQ(type("application/problem+jsonx"), "application/json");
}

TEST_F(RefusalTest, AMessageOfOnesOwnIsInBodyAndChallenge) {
  answers_[static_cast<std::size_t>(Reason::invalid_key)] = {401, "bad_key", "ask us for a key"};
  realm_ = "api";
  const Refusal refusal = make(Reason::invalid_key, ErrorFormat::json);
  EXPECT_EQ(refusal.body, R"({"error":"ask us for a key","code":"bad_key"})");
  EXPECT_EQ(field(refusal, "WWW-Authenticate"),
            R"(Bearer realm="api", error="invalid_token", error_description="ask us for a key")");
}

TEST_F(RefusalTest, AChallengeAsksForWhatOneHasTogetherWithWhatIsNeeded) {
  auto principal = std::make_shared<Principal>();
  principal->grants = Grants("posts:read", {});
  outcome_.principal = principal;
  outcome_.required_scope = "posts:write";
  EXPECT_EQ(
      field(make(Reason::insufficient_scope, ErrorFormat::json), "WWW-Authenticate"),
      R"(Bearer error="insufficient_scope", scope="posts:read posts:write", error_description="insufficient scope")");
  principal->grants_are_roles = true;
  EXPECT_EQ(field(make(Reason::insufficient_scope, ErrorFormat::json), "WWW-Authenticate"),
            R"(Bearer error="insufficient_scope", scope="posts:write", error_description="insufficient scope")")
      << "roles aren't what an authorization server is asked for";
}

// keyward_message may give a reason another status: a challenge belongs to 401 and 403 only.
TEST_F(RefusalTest, AnotherStatusHasNoChallenge) {
  answers_[static_cast<std::size_t>(Reason::invalid_key)] = {404, "not_found", "not found"};
  const Refusal refusal = make(Reason::invalid_key, ErrorFormat::json);
  EXPECT_EQ(refusal.status, 404);
  EXPECT_TRUE(refusal.fields.empty());
}

TEST_F(RefusalTest, MembersAreThoseThatWereChosen) {
  errors_.fields = {{ErrorField::reason, "why"}, {ErrorField::status, "status"}};
  EXPECT_EQ(make(Reason::busy, ErrorFormat::json).body, R"({"why":"busy","status":503})");
}

}  // namespace
}  // namespace keyward
