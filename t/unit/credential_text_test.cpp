// Credentials in fields and queries, by their text.
#include "auth/credential_text.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace keyward {
namespace {

TEST(BearerValue, IsWhatFollowsTheScheme) {
  for (const char *field :
       {"Bearer abc", "bearer abc", "BEARER abc", "bEaReR\tabc", " \tBearer \t abc\t ", "Bearer  abc"}) {
    EXPECT_EQ(bearer_value(field), "abc") << field;
  }
  EXPECT_EQ(bearer_value("Bearer a b"), "a b");
  for (const char *field : {"", " ", "Bearer", "Bearer ", "Bearer\t", "Bearerabc", "Beare abc", "Basic abc",
                            "Bearer=abc", "xBearer abc", "B\xc5\xbfrer abc", "Bearer\nabc"}) {
    EXPECT_EQ(bearer_value(field), "") << field;
  }
}

TEST(TokenForm, IsThreeParts) {
  for (const char *text : {"a.b.c", "eyJ0.e30.AA-_", "0.-._"}) {
    EXPECT_TRUE(has_token_form(text)) << text;
  }
  for (const char *text :
       {"", "a", "a.b", "a.b.c.d", ".b.c", "a..c", "a.b.", "..", "a.b.c=", "a.b .c", "a.b.c\n", "a+.b.c", "a/.b.c"}) {
    EXPECT_FALSE(has_token_form(text)) << text;
  }
}

TEST(WebSocketProtocols, ACredentialComesBehindBearer) {
  struct {
    const char *field;
    const char *first;
    std::size_t count;
    const char *rest;
  } const cases[] = {
      {"", "", 0, ""},
      {"chat", "", 0, "chat"},
      {"bearer, kw_1", "kw_1", 1, ""},
      {"chat,bearer,kw_1,v2", "kw_1", 1, "chat|v2"},
      {"bearer", "", 0, "bearer"},
      {"bearer,,\t kw_1 ,", "kw_1", 1, ""},
      {"bearer, bearer, a", "bearer", 1, "a"},
      {"bearer, a, bearer, b", "a", 2, ""},
      {"bearer, a, bearer", "a", 1, "bearer"},
      {"Bearer, a", "", 0, "Bearer|a"},
  };
  for (const auto &test : cases) {
    std::size_t count = 7;
    EXPECT_EQ(websocket_credential(test.field, &count), test.first) << test.field;
    EXPECT_EQ(count, test.count) << test.field;
    const std::string_view others = test.rest;
    EXPECT_EQ(announces_beyond(test.field), others.size() >= 6 && others.substr(others.size() - 6) == "bearer")
        << test.field;
    std::string rest;
    for_each_protocol(test.field, [&](std::string_view element, bool is_credential) {
      if (!is_credential) {
        rest += (rest.empty() ? "" : "|") + std::string(element);
      }
    });
    EXPECT_EQ(rest, test.rest) << test.field;
  }
}

TEST(Arguments, AreCutAtAmpersands) {
  const auto all = [](std::string_view args) {
    std::vector<std::string> found;
    for_each_argument(args, [&](std::string_view argument) { found.emplace_back(argument); });
    return found;
  };
  EXPECT_EQ(all(""), std::vector<std::string>{""});
  EXPECT_EQ(all("a"), std::vector<std::string>{"a"});
  EXPECT_EQ(all("&a=1&&b&"), (std::vector<std::string>{"", "a=1", "", "b", ""}));
}

TEST(Arguments, AreKnownByTheirDecodedNames) {
  for (const char *argument : {"key=v", "%6bey=v", "%6Bey=v", "k%65%79=v", "%6b%65%79=v"}) {
    EXPECT_EQ(argument_value(argument, "key"), "v") << argument;
  }
  EXPECT_EQ(argument_value("key=a=b", "key"), "a=b");
  EXPECT_EQ(argument_value("key=", "key"), "");
  EXPECT_NE(argument_value("key=", "key").data(), nullptr);
  for (const char *argument : {"", "key", "=", "=v", "Key=v", "keys=v", "ke=v", "%256bey=v", "%6=v", "ke%7=v", "ke%=v",
                               "%6gey=v", "key%00=v", "+key=v", " key=v"}) {
    EXPECT_EQ(argument_value(argument, "key").data(), nullptr) << argument;
  }
  // What is no escape stands for itself.
  EXPECT_EQ(argument_value("%zz=v", "%zz"), "v");
}

TEST(TrimBlanks, TakesSpacesAndTabs) {
  EXPECT_EQ(trim_blanks(" \t a b\t "), "a b");
  EXPECT_EQ(trim_blanks(" \t "), "");
  EXPECT_EQ(trim_blanks("\na"), "\na");
}

}  // namespace
}  // namespace keyward
