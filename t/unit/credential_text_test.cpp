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

TEST(SchemeValue, IsWhatFollowsThatScheme) {
  for (const char *field : {"ApiKey abc", "apikey  abc ", "\tAPIKEY\tabc"}) {
    EXPECT_EQ(scheme_value(field, "apikey"), "abc") << field;
  }
  for (const char *field : {"", "ApiKey", "ApiKey ", "ApiKeyabc", "Bearer abc", "XApiKey abc", "Api Key abc"}) {
    EXPECT_EQ(scheme_value(field, "apikey"), "") << field;
  }
}

TEST(Basic, IsReadWholeOrNotAtAll) {
  struct {
    const char *field;
    bool is_basic, is_readable;
    const char *user, *password;
  } const cases[] = {
      {"Basic YTpi", true, true, "a", "b"},    {"bAsIc\t YTpi ", true, true, "a", "b"},
      {"Basic YTo=", true, true, "a", ""},     {"Basic YTo", true, true, "a", ""},
      {"Basic OmI=", true, true, "", "b"},     {"Basic YTpiOmM=", true, true, "a", "b:c"},
      {"Basic Og==", true, true, "", ""},      {"Basic +/+/Og==", true, true, "\xfb\xff\xbf", ""},
      {"Basic YWI=", true, false, "", ""},     {"Basic YTpi=", true, false, "", ""},
      {"Basic YTpi====", true, false, "", ""}, {"Basic YT pi", true, false, "", ""},
      {"Basic -_-_Og==", true, false, "", ""}, {"Basic YTp", true, false, "", ""},
      {"Basic Oh==", true, false, "", ""},     {"Basic =", true, false, "", ""},
      {"Basic", false, false, "", ""},         {"Basic ", false, false, "", ""},
      {"Bearer YTpi", false, false, "", ""},   {"", false, false, "", ""},
  };
  for (const auto &test : cases) {
    std::string room(std::string_view(test.field).size(), '\0');
    const BasicText text = read_basic(test.field, room.data());
    EXPECT_EQ(text.is_basic, test.is_basic) << test.field;
    EXPECT_EQ(text.is_readable, test.is_readable) << test.field;
    EXPECT_EQ(text.user, test.user) << test.field;
    EXPECT_EQ(text.password, test.password) << test.field;
  }
}

// What stands there without a scheme may be a key.
TEST(KnownScheme, IsToldOnlyWhereItIsOne) {
  EXPECT_EQ(known_scheme("apikey kw_abc"), "ApiKey");
  EXPECT_EQ(known_scheme("Token kw_abc"), "Token");
  EXPECT_EQ(known_scheme("Basic x"), "Basic");
  for (const char *field : {"", "kw_abc", "kw_abc def", "Token", "Secret-of-mine x"}) {
    EXPECT_EQ(known_scheme(field), "") << field;
  }
}

TEST(WebSocketProtocols, AnotherWordMayAnnounceIt) {
  std::size_t count = 0;
  EXPECT_EQ(websocket_credential("chat, token, kw_1", "token", &count), "kw_1");
  EXPECT_EQ(count, 1U);
  EXPECT_EQ(websocket_credential("bearer, kw_1", "token", &count), "");
  EXPECT_EQ(websocket_credential("Token, kw_1", "token", &count), "") << "to the letter";
  EXPECT_TRUE(announces_beyond("chat, token", "token"));
  EXPECT_FALSE(announces_beyond("chat, bearer", "token"));
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
    EXPECT_EQ(websocket_credential(test.field, kWebSocketProtocol, &count), test.first) << test.field;
    EXPECT_EQ(count, test.count) << test.field;
    const std::string_view others = test.rest;
    EXPECT_EQ(announces_beyond(test.field, kWebSocketProtocol),
              others.size() >= 6 && others.substr(others.size() - 6) == "bearer")
        << test.field;
    std::string rest;
    for_each_protocol(test.field, kWebSocketProtocol, [&](std::string_view element, bool is_credential) {
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
