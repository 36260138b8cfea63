// Which of all that a request brings is its credential, and whether a page of one's own has sent it.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "auth/origin.hpp"
#include "decide/credential.hpp"

namespace keyward {
namespace {

constexpr std::size_t kBearer = 0, kHeader = 1, kWebSocket = 2, kQuery = 3;

class CredentialSearchTest : public testing::Test {
 protected:
  const std::vector<Source> sources_ = {{SourceKind::bearer, "authorization"},
                                        {SourceKind::header, "x-api-key"},
                                        {SourceKind::websocket, "sec-websocket-protocol"},
                                        {SourceKind::query, "key"}};
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
  EXPECT_TRUE(search_.wants_cookie());
  search_.see_cookie(cookie_, "kw_a", 1);
  EXPECT_EQ(search_.source(), &cookie_);
  CredentialSearch given(sources_);
  given.see_field(kHeader, "kw_b");
  EXPECT_FALSE(given.wants_cookie());
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
  EXPECT_EQ(longer.fault(), Reason::invalid_request);
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
