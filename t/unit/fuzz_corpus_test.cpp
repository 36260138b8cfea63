// The fuzz targets' seeds are what their names say: a corpus that went stale would fuzz the refusal of its first byte.
#include <gtest/gtest.h>

#include "../fuzz/issuers.hpp"
#include "../fuzz/lines.hpp"
#include "base/base64url.hpp"
#include "mcp_fixture.hpp"
#include "store/records/journal.hpp"
#include "vectors.hpp"

namespace keyward {
namespace {

std::string seed(const std::string &name) {
  const auto path = test::source_folder() / "t" / "fuzz" / "corpus" / name;
  EXPECT_TRUE(std::filesystem::exists(path)) << path;
  return test::read_file(path);
}

TEST(FuzzCorpus, HasTokensThatAreAccepted) {
  for (const char *name : {"eddsa", "es256", "rs256", "ps256", "hs256"}) {
    const jwt::Verdict verdict =
        jwt::verify_token(fuzz::issuers().accepted, seed(std::string("token/accepted_") + name), fuzz::kNow);
    EXPECT_EQ(verdict.outcome, jwt::Outcome::accepted) << name << ": " << to_text(verdict.cause);
  }
}

TEST(FuzzCorpus, HasTokensThatAreRefused) {
  const auto cause_of = [](const char *name) {
    return jwt::verify_token(fuzz::issuers().accepted, seed(std::string("token/") + name), fuzz::kNow).cause;
  };
  EXPECT_EQ(cause_of("expired"), jwt::Cause::expired);
  EXPECT_EQ(cause_of("none"), jwt::Cause::unknown_algorithm);
  EXPECT_EQ(cause_of("critical"), jwt::Cause::critical_header);
  EXPECT_EQ(cause_of("dots"), jwt::Cause::not_three_parts);
  EXPECT_EQ(cause_of("unknown_key"),
            jwt::Cause::unknown_key);  // awaited by the first; of another type than the last takes
}

TEST(FuzzCorpus, HasKeysOfEveryKind) {
  init_crypto();
  const auto size_of = [](const char *name, jwt::KeySource source) {
    jwt::KeySet set;
    std::vector<jwt::KeyRefusal> refusals;
    std::string error;
    parse_key_set(seed(std::string("key_set/") + name), source, &set, &refusals, &error);
    return set.size();
  };
  EXPECT_EQ(size_of("set.json", jwt::KeySource::fetched), 3U);
  EXPECT_EQ(size_of("mixed.json", jwt::KeySource::fetched), 1U);
  EXPECT_EQ(size_of("secrets.json", jwt::KeySource::fetched), 0U);
  EXPECT_EQ(size_of("secrets.json", jwt::KeySource::file), 1U);
  for (const char *name : {"ed25519.pem", "p256.pem", "rsa_pkcs1.pem"}) {
    jwt::KeySet set;
    crypto::KeyProblem problem = crypto::KeyProblem::none;
    EXPECT_TRUE(parse_public_key(seed(std::string("key_set/") + name), &set, &problem)) << name << to_text(problem);
  }
}

TEST(FuzzCorpus, HasKeysOfEveryVerifier) {
  const struct {
    const char *name;
    VerifierKind kind;
    LocatorKind found_by;
  } cases[] = {{"record/key_bcrypt", VerifierKind::bcrypt, LocatorKind::sha256},
               {"record/key_sha256", VerifierKind::sha256, LocatorKind::sha256},
               {"record/key_legacy", VerifierKind::legacy_prefix, LocatorKind::sha256},
               {"record/key_hash", VerifierKind::hash, LocatorKind::hmac_sha256},
               {"record/key_sha512", VerifierKind::sha512, LocatorKind::sha512},
               {"record/key_bound", VerifierKind::sha256, LocatorKind::sha256},
               {"record/key_suspended", VerifierKind::bcrypt, LocatorKind::sha256}};
  for (const auto &one : cases) {
    KeyView view;
    const std::string content = seed(one.name).substr(1);
    ASSERT_TRUE(decode(content, &view)) << one.name;
    EXPECT_EQ(one.kind, view.verifier_kind) << one.name;
    EXPECT_EQ(one.found_by, view.locator_kind) << one.name;
    EXPECT_EQ(content, encode(to_record("key", view))) << one.name;
  }
}

TEST(FuzzCorpus, HasJournalEntries) {
  JournalEntry entry;
  for (const char *name : {"record/journal", "record/journal_import"}) {
    const std::string content = seed(name).substr(1);
    EXPECT_TRUE(decode(content, &entry)) << name;
    EXPECT_EQ(content, encode(entry)) << name;
  }
}

TEST(FuzzCorpus, HasDocumentsThatParse) {
  json::Value value;
  std::string error;
  for (const char *name : {"json/object.json", "json/deep.json", "json/string.json"}) {
    EXPECT_TRUE(json::parse(seed(name), json::Limits(), &value, &error)) << name << error;
  }
  for (const char *name : {"claims/usual.json", "claims/dates.json", "claims/odd.json"}) {
    EXPECT_EQ(jwt::parse_claims(seed(name), &value), jwt::Cause::none) << name;
    jwt::Times times;
    EXPECT_EQ(jwt::check_times(jwt::Issuer(), value, fuzz::kNow, &times), jwt::Cause::none) << name;
  }
  std::string bytes;
  for (const char *name : {"base64url/two", "base64url/three", "base64url/all"}) {
    EXPECT_TRUE(from_base64url(seed(name), &bytes)) << name;
  }
}

TEST(FuzzCorpus, HasMessages) {
  const struct {
    const char *name;
    mcp::MessageKind kind;
    mcp::Method method;
  } cases[] = {{"call_modern", mcp::MessageKind::request, mcp::Method::tools_call},
               {"call_legacy", mcp::MessageKind::request, mcp::Method::tools_call},
               {"read_uri", mcp::MessageKind::request, mcp::Method::resources_read},
               {"complete", mcp::MessageKind::request, mcp::Method::completion_complete},
               {"listen", mcp::MessageKind::request, mcp::Method::subscriptions_listen},
               {"notification", mcp::MessageKind::notification, mcp::Method::notifications_initialized},
               {"response", mcp::MessageKind::response, mcp::Method::other},
               {"batch", mcp::MessageKind::unreadable, mcp::Method::other},
               {"folded", mcp::MessageKind::unreadable, mcp::Method::ping},
               {"odd_names", mcp::MessageKind::unreadable, mcp::Method::ping}};
  for (const auto &one : cases) {
    const std::string input = seed(std::string("mcp/") + one.name);
    std::string_view body = input;
    for (int line = 0; line < 3; ++line) {
      fuzz::take_line(&body);
    }
    const auto message = mcp::test::read(body);
    EXPECT_EQ(message->kind(), one.kind) << one.name;
    EXPECT_EQ(message->method(), one.method) << one.name;
  }
}

}  // namespace
}  // namespace keyward
