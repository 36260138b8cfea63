// Cookies in a field, and whether an Origin is the request's own.
#include "auth/cookie_text.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "auth/origin.hpp"

namespace keyward::test {
namespace {

std::size_t count_of(std::string_view field, std::string_view name) {
  std::size_t count = 0;
  cookie_value(field, name, &count);
  return count;
}
std::string value_of(std::string_view field, std::string_view name) {
  std::size_t count = 0;
  return std::string(cookie_value(field, name, &count));
}
std::string without(std::string_view field, std::string_view name) {
  std::string out(2 * field.size() + 1, '?');
  const std::size_t size = without_cookie(field, name, out.data());
  EXPECT_LE(size, 2 * field.size());
  out.resize(size);
  return out;
}

TEST(Cookies, AreFoundByTheirExactName) {
  EXPECT_EQ("b", value_of("a=b", "a"));
  EXPECT_EQ("b", value_of("x=y; a=b; z=1", "a"));
  EXPECT_EQ("b", value_of("x=y;a=b;z=1", "a"));
  EXPECT_EQ("b", value_of(" \t x = y ;\t a = b \t; ", "a"));
  EXPECT_EQ("b=c==", value_of("a=b=c==", "a")) << "a value may hold an equals sign";
  EXPECT_EQ("\"b\"", value_of("a=\"b\"", "a")) << "quotes belong to it";
  EXPECT_EQ("", value_of("A=b; aa=c; xa=d", "a"));
  EXPECT_EQ("", value_of("a", "a")) << "without a name";
  EXPECT_EQ("", value_of("", "a"));
  EXPECT_EQ("", value_of("a=; b=a=c", "a"));
}

TEST(Cookies, AreCountedWhereTheyHaveAValue) {
  EXPECT_EQ(0U, count_of("", "a"));
  EXPECT_EQ(0U, count_of("a=;a", "a"));
  EXPECT_EQ(1U, count_of("a=; a=1", "a"));
  EXPECT_EQ(2U, count_of("a=1; b=2; a=1", "a"));
  EXPECT_EQ(2U, count_of("x=\"1; a=2\"; a=3", "a")) << "quotes hide nothing";
  EXPECT_EQ("1", value_of("a=1; a=2", "a"));
}

TEST(Cookies, AreTakenOut) {
  EXPECT_EQ("", without("a=b", "a"));
  EXPECT_EQ("", without(" a=b ;; a=; a = c ", "a"));
  EXPECT_EQ("x=y; z=1", without("x=y; a=b; z=1", "a"));
  EXPECT_EQ("x=y; z=1", without("x=y;a=b;z=1", "a"));
  EXPECT_EQ("x=y; z=1", without("x=y; z=1; a=b", "a"));
  EXPECT_EQ("a; A=b; aa=c", without("a; A=b; aa=c", "a")) << "others";
  EXPECT_EQ("x; y; z", without("x;y;z", "a"));
  EXPECT_EQ("", without(std::string(100, ';'), "a"));
}

TEST(Cookies, HaveNamesThatAreTokens) {
  for (const char *name : {"session", "__Host-session", "a.b", "!#$%&'*+-.^_`|~"}) {
    EXPECT_TRUE(is_cookie_name(name)) << name;
  }
  for (const char *name : {"", "a b", "a=b", "a;b", "a,b", "\"a\"", "ü"}) {
    EXPECT_FALSE(is_cookie_name(name)) << name;
  }
}

struct Case {
  const char *origin, *host;
  bool plain, tls;  // whether it is its own, over each
};

TEST(Origin, OfTheRequestItself) {
  const std::vector<Case> cases = {
      {"http://example.com", "example.com", true, false},
      {"https://example.com", "example.com", true, true},  // something in front of us may have ended TLS
      {"https://EXAMPLE.com", "eXaMpLe.CoM", true, true},
      {"HTTPS://example.com", "example.com", true, true},
      {"https://example.com:443", "example.com", true, true},
      {"https://example.com", "example.com:443", true, true},
      {"http://example.com:80", "example.com", true, false},
      {"http://example.com", "example.com:80", true, true},
      {"http://example.com:443", "example.com", false, true},
      {"https://example.com:80", "example.com", false, false},
      {"http://example.com:8080", "example.com:8080", true, true},
      {"http://example.com:08080", "example.com:8080", true, true},
      {"http://example.com:8080", "example.com", false, false},
      {"http://example.com", "example.com:8080", false, false},
      {"http://example.com:8080", "example.com:8081", false, false},
      {"https://[2001:db8::1]", "[2001:DB8::1]", true, true},
      {"https://[2001:db8::1]:8443", "[2001:db8::1]:8443", true, true},
      {"https://[2001:db8::1]:8443", "[2001:db8::1]", false, false},
      {"https://[2001:db8::1]", "[2001:db8::2]", false, false},
      {"https://127.0.0.1", "127.0.0.1", true, true},
  };
  for (const Case &one : cases) {
    EXPECT_EQ(one.plain, is_own_origin(one.origin, one.host, false)) << one.origin << " to " << one.host;
    EXPECT_EQ(one.tls, is_own_origin(one.origin, one.host, true)) << one.origin << " to " << one.host << " over TLS";
  }
}

TEST(Origin, OfAnotherOrNoneIsForeign) {
  for (const char *origin : {"",
                             "null",
                             "Null",
                             "http://",
                             "http:example.com",
                             "http:/example.com",
                             "example.com",
                             "//example.com",
                             "http://example.com/",
                             "http://example.com/path",
                             "http://example.com?",
                             "http://example.com#",
                             "http://user@example.com",
                             "http://example.com@evil.example",
                             "http://evil.example#example.com",
                             "http://example.com.evil.example",
                             "http://evil-example.com",
                             "http://sub.example.com",
                             "http://example.co",
                             "http://example.com.",
                             "http://example.com:",
                             "http://example.com:0",
                             "http://example.com:65536",
                             "http://example.com:000080",
                             "http://example.com:8x",
                             "http://example.com:-80",
                             "http://example.com:80:80",
                             "http://example.com http://example.com",
                             "http://evil.example http://example.com",
                             "http://example.com, null",
                             " http://example.com",
                             "http://example.com ",
                             "ftp://example.com",
                             "chrome-extension://example.com",
                             "file://example.com",
                             "ws://example.com",
                             "httpss://example.com",
                             "http://[example.com]",
                             "http://[]",
                             "http://[::1",
                             "http://::1]",
                             "http://example.com]",
                             "http://example.com\\",
                             "http://\xc3\xbc.example"}) {
    EXPECT_FALSE(is_own_origin(origin, "example.com", false)) << origin;
    EXPECT_FALSE(is_own_origin(origin, "example.com", true)) << origin;
  }
  for (const char *host : {"", ":80", "example.com:", "example.com:x", "example.com/", "a@example.com", "[::1", "[]"}) {
    EXPECT_FALSE(is_own_origin("http://example.com", host, false)) << host;
    EXPECT_FALSE(is_own_origin("http://" + std::string(host), host, false)) << host;
  }
}

FieldSeen origin_of(std::string_view value) { return {1, true, value}; }

TEST(Origins, MayCallWhereTheyAreNamed) {
  const OriginRules rules{false, {"https://app.example.com"}}, any{true, {}}, none;
  for (const OriginRules *one : {&rules, &any, &none}) {
    EXPECT_TRUE(may_call(*one, {}, "", false, false)) << "a program's request has none";
    EXPECT_TRUE(may_call(*one, origin_of("http://example.com"), "example.com", true, false)) << "a page's own server";
    for (const char *bad : {"null", "", "https://app.example.com/", "https://app.example.com, https://b.example"}) {
      EXPECT_FALSE(may_call(*one, origin_of(bad), "example.com", true, false)) << bad;
    }
    EXPECT_FALSE(may_call(*one, {2, true, "https://app.example.com"}, "example.com", true, false)) << "two";
    EXPECT_FALSE(may_call(*one, {1, false, "https://app.example.com"}, "example.com", true, false)) << "another field";
  }
  EXPECT_TRUE(may_call(rules, origin_of("https://app.example.com"), "example.com", true, false));
  EXPECT_FALSE(may_call(rules, origin_of("https://APP.example.com"), "example.com", true, false));
  EXPECT_FALSE(may_call(rules, origin_of("https://b.example"), "example.com", true, false));
  EXPECT_TRUE(may_call(any, origin_of("https://b.example"), "example.com", true, false));
  EXPECT_FALSE(may_call(none, origin_of("https://b.example"), "example.com", true, false));
  EXPECT_FALSE(may_call(none, origin_of("http://example.com"), "example.com", false, false))
      << "a name that nobody has configured may have been bound anew";
}

}  // namespace
}  // namespace keyward::test
