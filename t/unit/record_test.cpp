// Records on disk: what encode() writes is read back, and nothing else is read at all.
#include "store/records/record.hpp"

#include <gtest/gtest.h>

#include <random>

#include "base/digest.hpp"
#include "base/networks.hpp"
#include "base/text_rules.hpp"

namespace keyward {
namespace {

const char kHash[] = "$2b$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZabcde";

KeyRecord full_key() {
  KeyRecord record;
  record.id = "key_1";
  record.state = KeyState::suspended;
  record.verifier = kHash;
  record.indexed = true;
  record.locator = {1, 2, 3};
  record.subject = "J\xc3\xbcrgen of \xe2\x82\xac";
  record.plan = "pro";
  record.scopes = {true, {"posts:read", "*"}};
  record.limits = {true, {{60, 60}, {1000, 86400}}};
  record.created_at_s = 1;
  record.expires_at_s = 2;
  record.changed_at_s = 3;
  record.overlap_until_s = 4;
  record.predecessor = "key_0";
  record.successor = "key_2";
  record.counter_id = "key_00";
  record.pkce_challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
  record.pkce_tries = 5;
  record.name = "my own key, \"quoted\"";
  record.preview = "kw_a1b2c3d4...wxyz";
  return record;
}

const char kSha512Crypt[] =
    "$6$saltstring$adDbXsJjcDlq2662QPgd.tkSOVmnG9Tt3oXl4HR60SusC3AGjirnDenVZp3DGwLwqy6iYKCzannhaX9DR72nN1";

// Of the second version.
KeyRecord hash_key() {
  KeyRecord record = full_key();
  record.verifier_kind = VerifierKind::hash;
  record.verifier = kSha512Crypt;
  record.locator_kind = LocatorKind::sha512;
  return record;
}

KeyRecord digest_key(VerifierKind kind, LocatorKind own, std::size_t bytes) {
  KeyRecord record = full_key();
  record.verifier_kind = kind;
  record.verifier = std::string(bytes, 'd');
  record.locator_kind = own;
  record.locator = locator_of(own, record.verifier);
  return record;
}

// Used from two networks only, and with meta.
KeyRecord bound_key() {
  KeyRecord record = full_key();
  std::vector<Network> networks(2);
  std::string error;
  EXPECT_TRUE(parse_network("192.0.2.0/24", &networks[0], &error) &&
              parse_network("2001:db8::7", &networks[1], &error));
  EXPECT_TRUE(pack_networks(networks, &record.allow_from));
  record.meta = R"({"team":"a","n":[1,{}]})";
  record.concurrency = 7;
  return record;
}

void expect_equal(const KeyRecord &a, const KeyRecord &b) {
  EXPECT_EQ(encode(a), encode(b));
  EXPECT_EQ(a.scopes.present, b.scopes.present);
  EXPECT_EQ(a.scopes.items, b.scopes.items);
  EXPECT_EQ(a.limits.items, b.limits.items);
  EXPECT_EQ(a.subject, b.subject);
  EXPECT_EQ(a.locator, b.locator);
  EXPECT_EQ(a.preview, b.preview);
  EXPECT_EQ(a.verifier, b.verifier);
  EXPECT_EQ(a.locator_kind, b.locator_kind);
  EXPECT_EQ(a.allow_from, b.allow_from);
  EXPECT_EQ(a.meta, b.meta);
  EXPECT_EQ(a.concurrency, b.concurrency);
}

bool decodes(const KeyRecord &record) {
  KeyView view;
  const std::string content = encode(record);
  if (!decode(content, &view)) {
    return false;
  }
  expect_equal(record, to_record(record.id, view));
  return true;
}

template <typename Change>
bool decodes_with(Change change) {
  KeyRecord record = full_key();
  change(record);
  return decodes(record);
}

TEST(KeyRecord, IsReadBack) {
  EXPECT_TRUE(decodes(full_key()));
  EXPECT_TRUE(decodes_with([](KeyRecord &r) { r.scopes = {}; }));
  EXPECT_TRUE(decodes_with([](KeyRecord &r) { r.scopes = {true, {}}; }));
  EXPECT_TRUE(decodes_with([](KeyRecord &r) { r.limits = {true, {}}; }));
  EXPECT_TRUE(decodes_with([](KeyRecord &r) { r.subject = r.plan = r.name = r.preview = ""; }));
  EXPECT_TRUE(decodes_with([](KeyRecord &r) {
    r.verifier_kind = VerifierKind::legacy_prefix;
    r.legacy_prefix = "sk_live_";
  }));
  EXPECT_TRUE(decodes_with([](KeyRecord &r) {
    r.verifier_kind = VerifierKind::legacy_prefix;
    r.legacy_prefix = "sk_live_";
    r.indexed = false;
    r.locator = {};
  }));
}

TEST(KeyRecord, OfTheSecondVersionIsReadBack) {
  EXPECT_TRUE(decodes(hash_key()));
  for (const LocatorKind kind : {LocatorKind::sha256, LocatorKind::sha512, LocatorKind::hmac_sha256}) {
    KeyRecord record = hash_key();
    record.locator_kind = kind;
    EXPECT_TRUE(decodes(record)) << to_text(kind);
    EXPECT_EQ(2, encode(record)[0]);
  }
  KeyRecord candidate = hash_key();
  candidate.indexed = false;
  candidate.locator = {};
  candidate.locator_kind = LocatorKind::sha256;
  EXPECT_FALSE(decodes(candidate));  // found by nothing
  candidate.legacy_prefix = "sk_live_";
  EXPECT_TRUE(decodes(candidate));
  candidate.locator_kind = LocatorKind::sha512;
  EXPECT_FALSE(decodes(candidate));
  candidate.locator_kind = LocatorKind::sha256;
  candidate.indexed = true;  // filed anew
  EXPECT_TRUE(decodes(candidate));
  EXPECT_TRUE(decodes(digest_key(VerifierKind::sha512, LocatorKind::sha512, 64)));
  EXPECT_TRUE(decodes(digest_key(VerifierKind::hmac_sha256, LocatorKind::hmac_sha256, 32)));
}

TEST(KeyRecord, WithAddressesAndMetaIsReadBack) {
  EXPECT_TRUE(decodes(bound_key()));
  EXPECT_EQ(2, encode(bound_key())[0]);
  KeyRecord record = bound_key();
  record.meta.clear();
  EXPECT_TRUE(decodes(record));
  record = bound_key();
  record.allow_from.clear();
  EXPECT_TRUE(decodes(record));
  for (const std::string &meta : {std::string("[]"), std::string("{"), std::string("{\n}"), std::string("x"),
                                  "{\"a\":\"" + std::string(kMaxMetaBytes, 'x') + "\"}"}) {
    record.meta = meta;
    EXPECT_FALSE(decodes(record)) << meta.substr(0, 9);
  }
  record = bound_key();
  record.allow_from.pop_back();
  EXPECT_FALSE(decodes(record));
}

TEST(KeyRecord, WhoSuspendedItIsReadBack) {
  KeyRecord record = full_key();
  record.state = KeyState::suspended;
  const std::string by_others = encode(record);
  record.suspended_by_subject = true;
  EXPECT_TRUE(decodes(record));
  EXPECT_NE(by_others, encode(record));
  KeyView view;
  ASSERT_TRUE(decode(encode(record), &view));
  EXPECT_TRUE(view.suspended_by_subject);
  ASSERT_TRUE(decode(by_others, &view));
  EXPECT_FALSE(view.suspended_by_subject);
  // It means nothing in another state, and isn't written.
  record.state = KeyState::active;
  ASSERT_TRUE(decode(encode(record), &view));
  EXPECT_FALSE(view.suspended_by_subject);
  std::string active = encode(record);
  active[0] = 2;
  active.append(std::string("\6\1\0\0\0\1", 6));
  EXPECT_FALSE(decode(active, &view));
  active[1] = static_cast<char>(KeyState::suspended);
  EXPECT_TRUE(decode(active, &view));
}

TEST(KeyRecord, WithItsOwnConcurrencyIsReadBack) {
  const auto with = [](std::uint32_t most) {
    KeyRecord record = full_key();
    record.concurrency = most;
    return record;
  };
  EXPECT_TRUE(decodes(with(1)));
  EXPECT_TRUE(decodes(with(kMaxConcurrency)));
  EXPECT_EQ(2, encode(with(1))[0]);
  EXPECT_EQ(1, encode(with(0))[0]);
  EXPECT_FALSE(decodes(with(kMaxConcurrency + 1)));
  KeyView view;
  std::string content = encode(with(1));
  content[content.size() - 4] = 0;  // what is written as no field
  EXPECT_FALSE(decode(content, &view));
}

// Records that need nothing new are written as they always were, so that older programs go on reading them.
TEST(KeyRecord, IsOfTheFirstVersionWhereThatHasRoom) {
  EXPECT_EQ(1, encode(full_key())[0]);
  EXPECT_FALSE(is_tagged_record(encode(full_key())));
  EXPECT_TRUE(is_tagged_record(encode(hash_key())));
  EXPECT_FALSE(is_tagged_record({}));
}

TEST(KeyRecord, RefusesDigestsThatAreFoundByAnother) {
  KeyRecord record = digest_key(VerifierKind::sha512, LocatorKind::sha512, 64);
  record.locator[0] ^= 1;
  EXPECT_FALSE(decodes(record));
  record.locator_kind = LocatorKind::sha256;  // filed anew: nothing is known of that digest but its beginning
  EXPECT_TRUE(decodes(record));
  record.locator_kind = LocatorKind::hmac_sha256;
  EXPECT_FALSE(decodes(record));
  EXPECT_FALSE(decodes(digest_key(VerifierKind::sha512, LocatorKind::sha512, 63)));
  EXPECT_FALSE(decodes(digest_key(VerifierKind::hmac_sha256, LocatorKind::hmac_sha256, 64)));
  EXPECT_FALSE(decodes(digest_key(VerifierKind::hmac_sha256, LocatorKind::sha512, 32)));
  record = digest_key(VerifierKind::sha512, LocatorKind::sha512, 64);
  record.legacy_prefix = "sk_live_";
  EXPECT_FALSE(decodes(record));
  EXPECT_FALSE(decodes_with([](KeyRecord &r) { r.locator_kind = LocatorKind::sha512; }));
}

// Fields of a later program, and fields that would be another way to write the same record.
TEST(KeyRecord, RefusesUnknownAndRepeatedFields) {
  const std::string content = encode(hash_key());
  const std::string last("\2\1\0\0\0\1", 6);
  ASSERT_EQ(last, content.substr(content.size() - last.size()));
  const std::string without = content.substr(0, content.size() - last.size());
  KeyView view;
  const auto with = [&](std::string_view field) { return decode(without + std::string(field), &view); };
  EXPECT_TRUE(with(last));
  EXPECT_TRUE(with({}));
  EXPECT_FALSE(with(std::string("\2\1\0\0\0\0", 6)));  // what is written as no field
  EXPECT_FALSE(with(std::string("\2\1\0\0\0\3", 6)));
  EXPECT_FALSE(with(std::string("\2\2\0\0\0\1\1", 7)));
  EXPECT_FALSE(with(std::string("\2\0\0\0\0", 5)));
  EXPECT_FALSE(with(last + last));
  EXPECT_FALSE(with(std::string("\xff\1\0\0\0\1", 6)));  // a tag that nobody knows
  EXPECT_FALSE(with(std::string("\1\1\0\0\0x", 6)));     // a second verifier
  EXPECT_FALSE(with(std::string("\0\1\0\0\0x", 6)));
  EXPECT_FALSE(with(std::string("\2\xff\xff\xff\xff\1", 6)));  // longer than all there is
  std::string plain = encode(full_key());
  plain[0] = 2;
  EXPECT_FALSE(decode(plain, &view));  // the second version without a field
  plain[0] = 3;
  EXPECT_FALSE(decode(plain, &view));
  EXPECT_FALSE(decode("\1" + content.substr(1), &view));
}

// A view may be used again: nothing of the record before may be left in it.
TEST(KeyRecord, LeavesNothingInAViewThatIsUsedAgain) {
  KeyView view;
  const std::string first = encode(hash_key()), second = encode(full_key());
  ASSERT_TRUE(decode(first, &view));
  ASSERT_TRUE(decode(encode(bound_key()), &view));
  ASSERT_TRUE(decode(second, &view));
  EXPECT_TRUE(view.allow_from.empty());
  EXPECT_TRUE(view.meta.empty());
  EXPECT_EQ(0U, view.concurrency);
  EXPECT_EQ(LocatorKind::sha256, view.locator_kind);
  EXPECT_EQ(kHash, view.verifier);
}

// An absent list narrows nothing, an empty one grants nothing: they must not be written alike.
TEST(KeyRecord, AbsentAndEmptyListsDiffer) {
  KeyRecord absent = full_key(), empty = full_key();
  absent.scopes = {};
  empty.scopes = {true, {}};
  EXPECT_NE(encode(absent), encode(empty));
  absent.scopes.items = {"posts:read"};
  EXPECT_EQ("", encode(absent));
}

TEST(KeyRecord, LongestTexts) {
  const auto with = [](std::size_t extra) {
    return decodes_with([extra](KeyRecord &r) {
      r.subject = std::string(kMaxSubjectBytes + extra, 's');
      r.name = std::string(kMaxNameBytes, 'n');
      r.plan = std::string(kMaxPlanBytes, 'p');
      r.preview = std::string(kMaxPreviewBytes, 'v');
      r.predecessor = r.successor = r.counter_id = std::string(kMaxIdBytes, 'i');
      r.scopes.items = {std::string(kMaxScopeListBytes, 'x')};
      r.limits.items.assign(kMaxLimits, {1, 1});
    });
  };
  EXPECT_TRUE(with(0));
  EXPECT_FALSE(with(1));
  EXPECT_FALSE(with(65536));
  EXPECT_FALSE(decodes_with([](KeyRecord &r) { r.name = std::string(kMaxNameBytes + 1, 'n'); }));
  EXPECT_FALSE(decodes_with([](KeyRecord &r) { r.name = std::string(256, 'n'); }));
  EXPECT_FALSE(decodes_with([](KeyRecord &r) { r.preview = std::string(kMaxPreviewBytes + 1, 'n'); }));
  EXPECT_FALSE(decodes_with([](KeyRecord &r) { r.limits.items.assign(kMaxLimits + 1, {1, 1}); }));
  EXPECT_FALSE(decodes_with([](KeyRecord &r) { r.scopes.items = {std::string(kMaxScopeListBytes, 'x'), "y"}; }));
}

// A stored hash that crypt_r() would take for DES, MD5 or $2x$, or that would run for days.
TEST(KeyRecord, RefusesOtherVerifiers) {
  const std::string rest = "abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZabcde";
  for (const std::string &hash :
       {"$2x$10$" + rest, "$2$10$" + rest, "$2b$31$" + rest, "$2b$03$" + rest, "$2b$15$" + rest, std::string("*0"),
        std::string("$1$abcdefgh$abcdefghijklmnopqrstuv"), std::string("abcdefghijklm"), std::string(),
        "$2b$10$" + rest + "x", "$2b$10$" + rest.substr(1)}) {
    EXPECT_FALSE(decodes_with([&](KeyRecord &r) { r.verifier = hash; })) << hash;
  }
  EXPECT_FALSE(decodes_with([](KeyRecord &r) { r.verifier_kind = static_cast<VerifierKind>(0); }));
  EXPECT_FALSE(decodes_with([](KeyRecord &r) { r.verifier_kind = static_cast<VerifierKind>(7); }));
  EXPECT_FALSE(decodes_with([](KeyRecord &r) { r.verifier_kind = VerifierKind::hash; }));  // of bcrypt's text
}

TEST(KeyRecord, Sha256VerifierBeginsWithItsLocator) {
  const auto with = [](std::size_t size, std::uint8_t first) {
    return decodes_with([=](KeyRecord &r) {
      r.verifier_kind = VerifierKind::sha256;
      r.verifier = std::string(size, 'v');
      r.locator.fill('v');
      r.locator[0] = first;
    });
  };
  EXPECT_TRUE(with(32, 'v'));
  EXPECT_FALSE(with(32, 'w'));
  EXPECT_FALSE(with(31, 'v'));
  EXPECT_FALSE(with(33, 'v'));
}

TEST(KeyRecord, RefusesWhatContradictsItself) {
  EXPECT_FALSE(decodes_with([](KeyRecord &r) { r.indexed = false; }));
  EXPECT_FALSE(decodes_with([](KeyRecord &r) { r.legacy_prefix = "sk_"; }));
  EXPECT_FALSE(decodes_with([](KeyRecord &r) { r.verifier_kind = VerifierKind::legacy_prefix; }));
  EXPECT_FALSE(decodes_with([](KeyRecord &r) { r.state = static_cast<KeyState>(0); }));
  EXPECT_FALSE(decodes_with([](KeyRecord &r) { r.state = static_cast<KeyState>(5); }));
  EXPECT_FALSE(decodes_with([](KeyRecord &r) { r.expires_at_s = -1; }));
  EXPECT_FALSE(decodes_with([](KeyRecord &r) { r.limits.items[0].count = 0; }));
  EXPECT_FALSE(decodes_with([](KeyRecord &r) { r.limits.items[0].count = kMaxRateCount + 1; }));
  EXPECT_FALSE(decodes_with([](KeyRecord &r) { r.limits.items[0].window_s = 0; }));
  EXPECT_FALSE(decodes_with([](KeyRecord &r) { r.limits.items[0].window_s = kMaxWindowSeconds + 1; }));
  EXPECT_FALSE(decodes_with([](KeyRecord &r) { r.limits.items[0].window_s = kCalendarDay; }));
  EXPECT_FALSE(decodes_with([](KeyRecord &r) { r.limits.items[0].window_s = kCalendarMonth + 1; }));
  EXPECT_TRUE(decodes_with([](KeyRecord &r) { r.limits.items[0].window_s = kCalendarMonth; }));
}

// A scope with a space would be read back as two.
TEST(KeyRecord, RefusesOtherTexts) {
  for (const char *scope : {"a b", "", " ", "a\"b", "a\\b", "a\n", "\xc3\xa9"}) {
    EXPECT_FALSE(decodes_with([scope](KeyRecord &r) { r.scopes.items = {scope}; })) << scope;
  }
  EXPECT_FALSE(decodes_with([](KeyRecord &r) { r.subject = "a\r\nX: b"; }));
  EXPECT_FALSE(decodes_with([](KeyRecord &r) { r.subject = " a"; }));
  EXPECT_FALSE(decodes_with([](KeyRecord &r) { r.plan = "a b"; }));
  EXPECT_FALSE(decodes_with([](KeyRecord &r) { r.name = "\xff"; }));
  EXPECT_FALSE(decodes_with([](KeyRecord &r) { r.preview = "\x1b[0m"; }));
  EXPECT_FALSE(decodes_with([](KeyRecord &r) { r.counter_id = "a,b"; }));
  EXPECT_FALSE(decodes_with([](KeyRecord &r) { r.pkce_challenge = "a b"; }));
}

TEST(KeyRecord, RefusesEveryTruncationAndWhatFollows) {
  KeyView view;
  KeyRecord by_sha256 = hash_key();
  by_sha256.locator_kind = LocatorKind::sha256;
  KeyRecord by_address = bound_key();
  by_address.meta.clear();
  by_address.concurrency = 0;
  for (const std::string &content : {encode(full_key()), encode(by_sha256), encode(by_address)}) {
    for (std::size_t length = 0; length < content.size(); ++length) {
      // In a buffer of just that length, so that a sanitizer sees a read behind it.
      const std::vector<char> cut(content.begin(), content.begin() + static_cast<std::ptrdiff_t>(length));
      EXPECT_FALSE(decode(std::string_view(cut.data(), cut.size()), &view)) << length;
    }
    EXPECT_FALSE(decode(content + std::string(1, '\0'), &view));
  }
}

void expect_refused_or_canonical(const std::string &content);

// Whatever is accepted is what encode() would have written.
TEST(KeyRecord, EveryChangedByteIsRefusedOrCanonical) {
  expect_refused_or_canonical(encode(full_key()));
  expect_refused_or_canonical(encode(hash_key()));
  expect_refused_or_canonical(encode(bound_key()));
  expect_refused_or_canonical(encode(digest_key(VerifierKind::hmac_sha256, LocatorKind::hmac_sha256, 32)));
}

void expect_refused_or_canonical(const std::string &content) {
  for (std::size_t at = 0; at < content.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      std::string changed = content;
      changed[at] = static_cast<char>(value);
      KeyView view;
      if (decode(changed, &view)) {
        EXPECT_EQ(changed, encode(to_record("key_1", view))) << at << ' ' << value;
      }
    }
  }
}

TEST(KeyRecord, RandomBytesAreRefusedOrCanonical) {
  std::mt19937 random(1);
  const std::string contents[] = {encode(full_key()), encode(hash_key())};
  for (int i = 0; i < 40000; ++i) {
    const std::string &content = contents[i % 2];
    std::string changed = content.substr(0, content.size() - random() % 3);
    for (auto n = random() % 6; n-- > 0;) {
      changed[random() % changed.size()] = static_cast<char>(random());
    }
    KeyView view;
    if (decode(changed, &view)) {
      EXPECT_EQ(changed, encode(to_record("key_1", view)));
    }
    SubjectView subject;
    PlanView plan;
    UsageRecord usage;
    if (decode(changed, &subject)) {
      EXPECT_EQ(changed, encode(to_record("s", subject)));
    }
    if (decode(changed, &plan)) {
      EXPECT_EQ(changed, encode(to_record("p", plan)));
    }
    if (decode(changed, &usage)) {
      EXPECT_EQ(changed, encode(usage));
    }
  }
}

TEST(SubjectRecord, GrantsOfCreditsAreOfTheSecondVersion) {
  SubjectRecord record;
  record.subject = "user_1";
  for (const CreditGrant &grant :
       {CreditGrant{7, 7, 1000, 0}, CreditGrant{9, 7, 1000, 500}, CreditGrant{9, 0, 0, -5}, CreditGrant{9, 0, 0, 0}}) {
    record.credits = grant;
    const std::string content = encode(record);
    SubjectView view;
    ASSERT_TRUE(decode(content, &view));
    EXPECT_TRUE(is_newer_subject(content));
    EXPECT_TRUE(view.credits == grant);
    EXPECT_EQ(content, encode(to_record("user_1", view)));
    for (std::size_t length = 0; length < content.size(); ++length) {
      EXPECT_FALSE(decode(std::string_view(content).substr(0, length), &view)) << length;
    }
    EXPECT_FALSE(decode(content + '\0', &view));
    for (std::size_t i = 0; i < content.size(); ++i) {
      std::string changed = content;
      changed[i] = static_cast<char>(changed[i] ^ 1);
      if (decode(changed, &view)) {
        EXPECT_EQ(changed, encode(to_record("user_1", view))) << i;
      }
    }
  }
  SubjectView view;
  record.credits = {7, 9, 1, 0};
  EXPECT_FALSE(decode(encode(record), &view)) << "set after the last change";
  record.credits = {7, 7, kMaxCredits + 1, 0};
  EXPECT_FALSE(decode(encode(record), &view));
  record.credits = {7, 7, 1, static_cast<std::int64_t>(kMaxCredits) + 1};
  EXPECT_FALSE(decode(encode(record), &view));
}

TEST(SubjectRecord, IsReadBack) {
  SubjectRecord record;
  record.subject = "user_1";
  record.state = SubjectState::blocked;
  record.plan = "team";
  record.scopes = {true, {"a", "b"}};
  record.credits = {1, 1, ~std::uint64_t{0}, 0};  // as the first version may have it
  record.created_at_s = 5;
  record.changed_at_s = 6;
  const std::string content = encode(record);
  SubjectView view;
  ASSERT_TRUE(decode(content, &view));
  EXPECT_EQ("a b", view.scopes);
  EXPECT_EQ(content, encode(to_record("user_1", view)));
  for (std::size_t length = 0; length < content.size(); ++length) {
    EXPECT_FALSE(decode(std::string_view(content).substr(0, length), &view)) << length;
  }
  EXPECT_FALSE(is_newer_subject(content));
  record.credits = {0, 0, 5, 0};
  EXPECT_FALSE(decode(encode(record), &view));
  record.credits = {};
  EXPECT_TRUE(decode(encode(record), &view));
  record.state = static_cast<SubjectState>(3);
  EXPECT_FALSE(decode(encode(record), &view));
}

TEST(PlanRecord, IsReadBack) {
  PlanRecord record;
  record.name = "pro";
  record.scopes = {true, {"mcp:full"}};
  record.limits = {true, {{60, 60}}};
  record.has_max_keys = true;
  record.max_keys = 5;
  record.credits = {1000, 30 * 86400};
  record.no_access = true;
  record.is_default = true;
  const std::string content = encode(record);
  PlanView view;
  ASSERT_TRUE(decode(content, &view));
  EXPECT_EQ(content, encode(to_record("pro", view)));
  for (std::size_t length = 0; length < content.size(); ++length) {
    EXPECT_FALSE(decode(std::string_view(content).substr(0, length), &view)) << length;
  }
  EXPECT_FALSE(is_newer_plan(content));
  for (const std::uint32_t most : {1U, kMaxConcurrency}) {
    record.concurrency = most;
    const std::string newer = encode(record);
    ASSERT_TRUE(decode(newer, &view));
    EXPECT_EQ(view.concurrency, most);
    EXPECT_EQ(newer, encode(to_record("pro", view)));
    EXPECT_TRUE(is_newer_plan(newer));
    for (std::size_t length = 0; length < newer.size(); ++length) {
      EXPECT_FALSE(decode(std::string_view(newer).substr(0, length), &view)) << length;
    }
    EXPECT_FALSE(decode(newer + '\0', &view));
  }
  record.concurrency = kMaxConcurrency + 1;
  EXPECT_FALSE(decode(encode(record), &view));
  record.concurrency = 0;
  ASSERT_TRUE(decode(encode(record), &view));
  EXPECT_EQ(view.concurrency, 0U) << "whatever the view was before";
  record.limits.items[0].window_s = kCalendarMonth;
  EXPECT_TRUE(is_newer_plan(encode(record)));
  record.limits.items[0].window_s = 60;
  record.has_max_keys = false;
  EXPECT_FALSE(decode(encode(record), &view));
  record.max_keys = 0;
  EXPECT_TRUE(decode(encode(record), &view));
  record.credits.window_s = 0;
  EXPECT_FALSE(decode(encode(record), &view));
  record.credits = {1, kMaxWindowSeconds + 1};
  EXPECT_FALSE(decode(encode(record), &view));
}

TEST(Texts, Ids) {
  EXPECT_TRUE(is_id("key_1"));
  EXPECT_TRUE(is_id(std::string(kMaxIdBytes, 'x')));
  EXPECT_TRUE(is_id("!#~"));
  for (const std::string &text :
       {std::string(), std::string(kMaxIdBytes + 1, 'x'), std::string("a b"), std::string("a\"b"), std::string("a,b"),
        std::string("a\\b"), std::string("\x7f"), std::string("a\0b", 3), std::string("\xc3\xa9")}) {
    EXPECT_FALSE(is_id(text)) << text;
    EXPECT_FALSE(is_plan_name(text)) << text;
  }
  EXPECT_TRUE(is_plan_name(std::string(kMaxPlanBytes, 'x')));
  EXPECT_FALSE(is_plan_name(std::string(kMaxPlanBytes + 1, 'x')));
}

TEST(Texts, Subjects) {
  for (const char *text : {"user_1", "a b", "\"a\",\\b", "J\xc3\xbcrgen", "a \xe2\x82\xac", "\xf0\x9f\x94\x91"}) {
    EXPECT_TRUE(is_subject(text)) << text;
  }
  for (const char *text : {"", " a", "a ", "a\tb", "a\x7f", "a\xc2\x85",
                           "a\xc2\x9f"
                           "b",
                           "\xff", "\xc0\xaf", "\xed\xa0\x80",
                           "\xc2\xa0"
                           "a",
                           "a\xe2\x80\x83", "a\xe3\x80\x80", "a\xe2\x80\xa8", "\xf4\x90\x80\x80", "a\xc3"}) {
    EXPECT_FALSE(is_subject(text)) << text;
  }
  EXPECT_TRUE(
      is_subject("a\xc2\xa0"
                 "b"));
  EXPECT_FALSE(is_subject(std::string("a\0b", 3)));
  EXPECT_TRUE(is_display_name(""));
  EXPECT_TRUE(is_display_name(" padded "));
  EXPECT_FALSE(is_display_name("line\nline"));
}

TEST(Texts, ScopeLists) {
  for (const char *text : {"", "a", "a b", "posts:read posts:*", "*"}) {
    EXPECT_TRUE(is_scope_list(text)) << text;
  }
  for (const char *text : {" ", " a", "a ", "a  b", "a\tb", "a\"", "\\"}) {
    EXPECT_FALSE(is_scope_list(text)) << text;
  }
}

TEST(States, HaveNames) {
  KeyState state = KeyState::active;
  for (const char *name : {"active", "suspended", "pending", "revoked"}) {
    ASSERT_TRUE(parse_key_state(name, &state)) << name;
    EXPECT_EQ(name, to_text(state));
  }
  EXPECT_FALSE(parse_key_state("Active", &state));
  EXPECT_FALSE(parse_key_state("", &state));
}

TEST(NewId, SortsByTimeAndNeverRepeats) {
  init_crypto();
  std::string last;
  for (std::int64_t ms = 0; ms < 2000; ++ms) {
    const std::string id = new_id("key_", 1700000000000 + ms);
    EXPECT_EQ(26U, id.size());
    EXPECT_TRUE(is_id(id));
    EXPECT_LT(last, id);
    last = id;
  }
  EXPECT_NE(new_id("", 5), new_id("", 5));
  EXPECT_LT(new_id("", -1), new_id("", 1));
}

}  // namespace
}  // namespace keyward
