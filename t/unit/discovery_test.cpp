// Where a provider's metadata is, and what is believed of it.
#include "fetch/discovery.hpp"

#include <gtest/gtest.h>

namespace keyward {
namespace {

std::string places_of(const std::string &issuer) {
  MetadataPlaces places;
  std::string error;
  return find_metadata(issuer, &places, &error) ? places.openid.text + " " + places.oauth.text : error;
}

TEST(DiscoveryTest, KnowsTheTwoPlaces) {
  EXPECT_EQ(places_of("https://a.example"),
            "https://a.example/.well-known/openid-configuration "
            "https://a.example/.well-known/oauth-authorization-server");
  EXPECT_EQ(places_of("https://a.example/"), places_of("https://a.example"));
  const std::string with_path =
      "https://a.example:8443/realms/shop/.well-known/openid-configuration "
      "https://a.example:8443/.well-known/oauth-authorization-server/realms/shop";
  EXPECT_EQ(places_of("https://a.example:8443/realms/shop"), with_path);
  EXPECT_EQ(places_of("https://a.example:8443/realms/shop/"), with_path);
  EXPECT_EQ(places_of("https://[2001:db8::1]/x"),
            "https://[2001:db8::1]/x/.well-known/openid-configuration "
            "https://[2001:db8::1]/.well-known/oauth-authorization-server/x");
}

TEST(DiscoveryTest, WantsTheUrlOfAnIssuer) {
  EXPECT_EQ(places_of("http://a.example"), "is not https, as an issuer's has to be");
  EXPECT_EQ(places_of("https://a.example?x"), "has a query, and an issuer's has none");
  EXPECT_EQ(places_of("https://a.example/x?"), "has a query, and an issuer's has none");
  EXPECT_EQ(places_of("https://u@a.example"), "has a user or password in it");
  EXPECT_EQ(places_of("a.example"), "is no http:// or https:// URL");
  EXPECT_EQ(places_of("https://a.example/" + std::string(2020, 'x')), "is longer than 2048 characters");
}

constexpr const char *kIssuer = "https://a.example/x/";

std::string read(const std::string &text, const std::string &jwks_host = "") {
  DiscoveredKeys keys;
  std::string error;
  if (!read_metadata(text, kIssuer, jwks_host, &keys, &error)) {
    EXPECT_NE(error, "");
    return "no: " + error;
  }
  return (keys.public_only ? "public " : "") + keys.url.text;
}

std::string metadata(const std::string &jwks_uri) {
  return R"({"issuer":")" + std::string(kIssuer) + R"(","jwks_uri":")" + jwks_uri + R"(","more":[1]})";
}

TEST(DiscoveryTest, FindsTheKeys) {
  EXPECT_EQ(read(metadata("https://a.example/jwks?a=b")), "https://a.example/jwks?a=b");
  EXPECT_EQ(read(metadata("https://A.Example:8443/jwks")), "https://A.Example:8443/jwks");
  EXPECT_EQ(read(metadata("https://b.example/jwks")), "public https://b.example/jwks");
  EXPECT_EQ(read(metadata("https://b.example/jwks"), "b.example"), "https://b.example/jwks");
  EXPECT_EQ(read(metadata("https://B.example:1/jwks"), "b.example"), "https://B.example:1/jwks");
  EXPECT_EQ(read(metadata("https://c.example/jwks"), "b.example"), "public https://c.example/jwks");
  EXPECT_EQ(read(metadata("https://a.example.evil.example/jwks")), "public https://a.example.evil.example/jwks");
  EXPECT_EQ(read(metadata("https://127.0.0.1/jwks")), "public https://127.0.0.1/jwks");
}

TEST(DiscoveryTest, BelievesNothingElse) {
  EXPECT_EQ(read(metadata("http://a.example/jwks")), "no: its \"jwks_uri\" is not https");
  EXPECT_EQ(read(metadata("https://u:p@a.example/jwks")), "no: its \"jwks_uri\" has a user or password in it");
  EXPECT_EQ(read(metadata("file:///etc/passwd")), "no: its \"jwks_uri\" is no http:// or https:// URL");
  EXPECT_EQ(read(R"({"issuer":"https://a.example/x/"})"), "no: it has no \"jwks_uri\"");
  EXPECT_EQ(read(R"({"issuer":"https://a.example/x/","jwks_uri":["https://a.example/"]})"),
            "no: it has no \"jwks_uri\"");
  EXPECT_EQ(read(R"({"jwks_uri":"https://a.example/jwks"})"), "no: it has no \"issuer\"");
  for (const char *other : {"https://a.example/x", "https://A.example/x/", "https://b.example/x/", ""}) {
    EXPECT_EQ(read(R"({"issuer":")" + std::string(other) + R"(","jwks_uri":"https://a.example/jwks"})")
                  .find("no: its \"issuer\" is \""),
              0U)
        << other;
  }
  EXPECT_EQ(read("[]"), "no: it has no \"issuer\"");
  EXPECT_EQ(read("<html>").find("no: "), 0U);
  EXPECT_EQ(
      read(R"({"issuer":"https://a.example/x/","jwks_uri":"https://a.example/1","jwks_uri":"https://a.example/2"})")
          .find("no: "),
      0U);
}

}  // namespace
}  // namespace keyward
