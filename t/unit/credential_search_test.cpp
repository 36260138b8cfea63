// Which of all that a request brings is its credential, and whether a page of one's own has sent it.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "auth/origin.hpp"
#include "decide/credential.hpp"

namespace keyward {
namespace {

constexpr std::size_t kBearer = 0, kHeader = 1, kWebSocket = 2, kQuery = 3, kScheme = 4;

class CredentialSearchTest : public testing::Test {
 protected:
  const std::vector<Source> sources_ = {{SourceKind::bearer, "authorization"},
                                        {SourceKind::header, "x-api-key"},
                                        {SourceKind::websocket, "sec-websocket-protocol", false, "bearer"},
                                        {SourceKind::query, "key"},
                                        {SourceKind::scheme, "authorization", false, "apikey"}};
  const Source basic_ = {SourceKind::basic, "authorization"};
  const Source cookie_ = {SourceKind::cookie, "session"};
  CredentialSearch search_{sources_};
};

TEST_F(CredentialSearchTest, NothingIsNoCredential) {
  EXPECT_FALSE(search_.see_field(kBearer, "Basic YTpi")) << "another scheme";
  EXPECT_FALSE(search_.see_field(kHeader, " \t"));
  EXPECT_EQ(search_.source(), nullptr);
  EXPECT_EQ(search_.fault(), Reason::none);
}

TEST_F(CredentialSearchTest, OneCredentialInSeveralSourcesIsOne) {
  EXPECT_TRUE(search_.see_field(kBearer, "bearer  kw_a "));
  EXPECT_TRUE(search_.see_field(kHeader, "kw_a"));
  search_.see_query(kQuery, "kw_a", false);
  EXPECT_EQ(search_.fault(), Reason::none);
  EXPECT_EQ(search_.source(), &sources_[kBearer]);
  EXPECT_EQ(search_.text(), "kw_a");
  EXPECT_EQ(search_.held_by(), 3U) << "the query was cut already";
}

TEST_F(CredentialSearchTest, TwoCredentialsAreRefused) {
  EXPECT_TRUE(search_.see_field(kBearer, "Bearer kw_a"));
  search_.see_field(kHeader, "kw_b");
  EXPECT_EQ(search_.fault(), Reason::invalid_request);
}

TEST_F(CredentialSearchTest, OneSourceTwiceIsRefused) {
  EXPECT_TRUE(search_.see_field(kHeader, "kw_a"));
  search_.see_field(kHeader, "kw_a");
  EXPECT_EQ(search_.fault(), Reason::invalid_request);
}

TEST_F(CredentialSearchTest, AnArgumentThatCameTwiceIsRefused) {
  search_.see_query(kQuery, "kw_a", true);
  EXPECT_EQ(search_.fault(), Reason::invalid_request);
}

TEST_F(CredentialSearchTest, WhatWasTakenBeforeCountsAsIfItWereThere) {
  search_.see_taken(kHeader, "kw_a");
  EXPECT_EQ(search_.text(), "kw_a");
  search_.see_field(kHeader, "kw_b");
  EXPECT_EQ(search_.fault(), Reason::invalid_request);
}

TEST_F(CredentialSearchTest, ProtocolsHoldOneCredential) {
  EXPECT_TRUE(search_.see_field(kWebSocket, "chat, bearer, kw_a"));
  EXPECT_EQ(search_.text(), "kw_a");
  CredentialSearch two(sources_);
  two.see_field(kWebSocket, "bearer, kw_a, bearer, kw_b");
  EXPECT_EQ(two.fault(), Reason::invalid_request);
  CredentialSearch split(sources_);
  split.see_field(kWebSocket, "chat, bearer");
  split.see_field(kWebSocket, "kw_a");
  EXPECT_EQ(split.fault(), Reason::invalid_request) << "whoever joins the fields finds a credential";
}

TEST_F(CredentialSearchTest, ACookieCountsWhereNothingWasGivenByIntent) {
  EXPECT_TRUE(search_.wants_ambient());
  search_.see_cookie(cookie_, "kw_a", 1);
  EXPECT_EQ(search_.source(), &cookie_);
  CredentialSearch given(sources_);
  given.see_field(kHeader, "kw_b");
  EXPECT_FALSE(given.wants_ambient());
  CredentialSearch twice(sources_);
  twice.see_cookie(cookie_, "kw_a", 2);
  EXPECT_EQ(twice.fault(), Reason::invalid_request);
}

TEST_F(CredentialSearchTest, WhatIsTooLongIsRefused) {
  const std::string most(kMaxCredentialBytes, 'a'), more = most + 'a';
  search_.see_field(kHeader, most);
  EXPECT_EQ(search_.fault(), Reason::none);
  CredentialSearch longer(sources_);
  longer.see_field(kHeader, more);
  EXPECT_EQ(longer.fault(), Reason::credential_too_large);
  EXPECT_EQ(longer.text().size(), more.size()) << "the log says how large";
  CredentialSearch wide(sources_, 2 * kMaxCredentialBytes);
  wide.see_field(kHeader, more);
  EXPECT_EQ(wide.fault(), Reason::none);
  wide.see_field(kBearer, "Bearer x");
  EXPECT_EQ(wide.fault(), Reason::invalid_request);
}

TEST_F(CredentialSearchTest, BasicCountsWhereNothingWasGivenByIntentAndBeforeACookie) {
  const BasicText text{true, true, "kw_a", "kw_p"};
  search_.see_basic(basic_, text);
  EXPECT_EQ(search_.source(), &basic_);
  EXPECT_EQ(search_.text(), "kw_a");
  EXPECT_FALSE(search_.wants_ambient()) << "a cookie comes behind it";
  EXPECT_EQ(search_.held_by(), 0U);
  Source by_password = basic_;
  by_password.by_password = true;
  CredentialSearch other(sources_);
  other.see_basic(by_password, text);
  EXPECT_EQ(other.text(), "kw_p");
  CredentialSearch none(sources_);
  none.see_basic(by_password, {true, true, "kw_a", ""});
  EXPECT_EQ(none.source(), nullptr) << "the half that counts is empty";
  EXPECT_EQ(none.fault(), Reason::none);
  CredentialSearch broken(sources_);
  broken.see_basic(basic_, {true, false, "", ""});
  EXPECT_EQ(broken.fault(), Reason::invalid_request);
  EXPECT_FALSE(broken.wants_ambient()) << "a cookie doesn't mend it";
  CredentialSearch absent(sources_);
  absent.see_basic(basic_, {});
  EXPECT_TRUE(absent.wants_ambient());
}

TEST_F(CredentialSearchTest, WhatAuthorizationHeldIsReadAnew) {
  search_.see_taken(kScheme, "ApiKey kw_a");
  search_.see_taken(kBearer, "ApiKey kw_a");
  EXPECT_EQ(search_.text(), "kw_a");
  EXPECT_EQ(search_.source(), &sources_[kScheme]);
  EXPECT_EQ(search_.fault(), Reason::none);
  search_.see_field(kHeader, "kw_b");
  EXPECT_EQ(search_.fault(), Reason::invalid_request);
}

TEST_F(CredentialSearchTest, ASchemeIsExplicit) {
  EXPECT_TRUE(search_.see_field(kScheme, "APIKEY kw_a"));
  EXPECT_FALSE(search_.see_field(kScheme, "Token kw_a"));
  EXPECT_FALSE(search_.wants_ambient());
  EXPECT_EQ(search_.held_by(), 1U << kScheme);
}

TEST(CrossSite, AProgramSaysNothingOfSites) {
  Provenance request;
  request.may_say_nothing = true;
  request.host = "example.com";
  EXPECT_FALSE(may_be_cross_site(request)) << "as curl does";
  request.origin = {1, true, "https://evil.example"};
  EXPECT_TRUE(may_be_cross_site(request));
  request.origin = {1, true, "null"};
  EXPECT_TRUE(may_be_cross_site(request));
  request.origin = {1, true, "https://example.com"};
  EXPECT_FALSE(may_be_cross_site(request));
  request.fetch_site = {1, true, "cross-site"};
  EXPECT_TRUE(may_be_cross_site(request));
  request.origin = {};
  EXPECT_TRUE(may_be_cross_site(request));
  request.fetch_site = {1, false, "none"};
  EXPECT_TRUE(may_be_cross_site(request)) << "pages can send Sec_Fetch_Site";
  request.fetch_site = {};
  request.has_upgrade = true;
  EXPECT_FALSE(may_be_cross_site(request)) << "a program, too";
}

TEST(CrossSite, NamedOriginsMaySendIt) {
  const std::vector<std::string> origins = {"https://app.example.com", "https://b.example:8443"};
  Provenance request;
  request.origins = &origins;
  request.host = "example.com";
  request.fetch_site = {1, true, "same-site"};
  request.origin = {1, true, "https://app.example.com"};
  EXPECT_FALSE(may_be_cross_site(request));
  request.fetch_site = {};
  EXPECT_FALSE(may_be_cross_site(request));
  for (const char *origin : {"http://app.example.com", "https://app.example.com:443", "https://APP.example.com",
                             "https://app.example.com/", "https://b.example", "null", ""}) {
    request.origin = {1, true, origin};
    EXPECT_TRUE(may_be_cross_site(request)) << origin;
  }
  request.origin = {2, true, "https://app.example.com"};
  EXPECT_TRUE(may_be_cross_site(request)) << "two fields";
  request.origin = {1, false, "https://app.example.com"};
  request.fetch_site = {1, true, "cross-site"};
  EXPECT_TRUE(may_be_cross_site(request)) << "another spelling";
}

TEST(Origins, AreWrittenAsBrowsersDo) {
  for (const char *origin : {"https://example.com", "http://localhost:8080", "https://[2001:db8::1]:8443",
                             "chrome-extension://abcdefgh", "https://example.com:80"}) {
    EXPECT_TRUE(is_origin(origin)) << origin;
  }
  for (const char *origin :
       {"", "null", "*", "example.com", "https://", "://example.com", "https://Example.com", "https://example.com/",
        "https://example.com:443", "http://example.com:80", "https://example.com:0", "https://a b",
        "https://*.example.com", "https://a@example.com"}) {
    EXPECT_FALSE(is_origin(origin)) << origin;
  }
}

TEST(CrossSite, ReadingIsAlwaysAllowedAndWritingNeedsAProof) {
  Provenance request;
  request.reads = true;
  request.host = "example.com";
  EXPECT_FALSE(may_be_cross_site(request));
  request.has_upgrade = true;
  EXPECT_TRUE(may_be_cross_site(request)) << "it opens a channel";
  request = {};
  request.host = "example.com";
  EXPECT_TRUE(may_be_cross_site(request));
  request.origin = {1, true, "https://example.com"};
  EXPECT_FALSE(may_be_cross_site(request));
  request.origin.count = 2;
  EXPECT_TRUE(may_be_cross_site(request));
  request.origin = {1, true, "https://evil.example"};
  EXPECT_TRUE(may_be_cross_site(request));
  request.fetch_site = {1, true, "same-origin"};
  EXPECT_FALSE(may_be_cross_site(request)) << "the browser knows better";
  request.fetch_site.well_spelled = false;
  EXPECT_TRUE(may_be_cross_site(request));
  request.fetch_site = {1, true, "same-site"};
  EXPECT_TRUE(may_be_cross_site(request));
}

}  // namespace
}  // namespace keyward
