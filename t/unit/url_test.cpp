#include "fetch/url.hpp"

#include <gtest/gtest.h>

namespace keyward {
namespace {

std::string problem_of(std::string_view text) {
  Url url;
  std::string error;
  return parse_url(text, &url, &error) ? std::string() : error;
}

TEST(UrlTest, TakesWhatIsPlain) {
  Url url;
  std::string error;
  for (const char *text : {"http://a", "https://a/", "HTTPS://Auth.Example.COM/jwks.json", "https://127.0.0.1:8443/x",
                           "http://[::1]:80/a@b", "https://[2001:db8::192.0.2.1]/", "https://a_b-c.d/%7e/x;y=z",
                           "http://localhost:65535/?a=b&c=d"}) {
    EXPECT_TRUE(parse_url(text, &url, &error)) << text << ": " << error;
    EXPECT_EQ(text, url.text);
  }
  ASSERT_TRUE(parse_url("HttPs://a/b?secret=x", &url, &error));
  EXPECT_TRUE(url.tls);
  EXPECT_EQ("HttPs://a/b", url.shown);
  ASSERT_TRUE(parse_url("http://a?secret", &url, &error));
  EXPECT_FALSE(url.tls);
  EXPECT_EQ("http://a", url.shown);
}

TEST(UrlTest, RefusesWhatReadersDifferIn) {
  EXPECT_EQ("is no http:// or https:// URL", problem_of(""));
  for (const char *text : {"ftp://a/", "file:///etc/passwd", "//a/", "http:/a", "https:a", "gopher://a", " http://a",
                           "httpss://a", "http", "/jwks.json"}) {
    EXPECT_EQ("is no http:// or https:// URL", problem_of(text)) << text;
  }
  for (const char *text : {"http://u@a/", "http://u:p@a/", "https://a:b@c", "http://@a", "http://good@evil:80?x"}) {
    EXPECT_EQ("has a user or password in it", problem_of(text)) << text;
  }
  for (const char *text : {"http:///x", "http://:80/", "http://[::1/", "http://[x]/", "http://[]/", "http://[80]/",
                           "http://[fe80::1%25eth0]/", "http://-a/", "http://.a/", "http://a%2eb/", "http://a;b/",
                           "http://?x", "http://a,b/", "http://a=b"}) {
    EXPECT_EQ("has no valid host", problem_of(text)) << text;
  }
  for (const char *text : {"http://a:/", "http://a:0/", "http://a:65536/", "http://a:80:80/", "http://a:8x/",
                           "http://a:-1/", "http://[::1]80/", "http://[::1]x", "http://a:000080/"}) {
    EXPECT_EQ("has no valid port", problem_of(text)) << text;
  }
  for (const std::string &text :
       {std::string("http://a/ b"), std::string("http://a/\\b"), std::string("http://a\\@b/"),
        std::string("http://a/\n"), std::string("http://a/\x7f"), std::string("http://a/\xc3\xa4"),
        std::string("http://a/\0", 10), std::string("http://a/{b}"), std::string("http://a/<")}) {
    EXPECT_EQ("holds a character that no URL may hold", problem_of(text)) << text;
  }
  EXPECT_EQ("has a fragment, which is never sent", problem_of("http://a/#b"));
  EXPECT_EQ("has a fragment, which is never sent", problem_of("http://a#@b/"));
  EXPECT_EQ("", problem_of("http://a/" + std::string(2039, 'x')));
  EXPECT_EQ("is longer than 2048 characters", problem_of("http://a/" + std::string(2040, 'x')));
  EXPECT_EQ("has no valid host", problem_of("http://" + std::string(254, 'a')));
}

}  // namespace
}  // namespace keyward
