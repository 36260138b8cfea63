// The seeds of the fuzz targets for keys are what their names say: a corpus that went stale would fuzz the refusal of
// its first byte.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "../fuzz/key_formats.hpp"
#include "../fuzz/lines.hpp"
#include "auth/credential_text.hpp"
#include "auth/scope.hpp"
#include "base/rate.hpp"
#include "key/key_format.hpp"
#include "store/records/denial.hpp"
#include "store/records/record.hpp"
#include "usage/window_record.hpp"
#include "vectors.hpp"

namespace keyward {
namespace {

std::string seed(const std::string &name) {
  const auto path = test::source_folder() / "t" / "fuzz" / "corpus" / name;
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.is_open()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

template <typename View>
bool is_record(const std::string &name, char kind) {
  const std::string content = seed("record/" + name);
  View view;
  return !content.empty() && content[0] == kind && decode(std::string_view(content).substr(1), &view);
}

TEST(KeyCorpus, HasRecordsOfEveryKind) {
  for (const char *name : {"key_bcrypt", "key_sha256", "key_legacy"}) {
    EXPECT_TRUE(is_record<KeyView>(name, 'k')) << name;
  }
  EXPECT_TRUE(is_record<SubjectView>("subject", 's'));
  EXPECT_TRUE(is_record<PlanView>("plan", 'p'));
  EXPECT_TRUE(is_record<UsageRecord>("usage", 'u'));
  std::int64_t purged_at_s = 0;
  EXPECT_TRUE(decode_purge(std::string_view(seed("record/purge")).substr(1), &purged_at_s));
  DenialRecord denial;
  EXPECT_TRUE(decode(std::string_view(seed("record/denial")).substr(1), &denial));
  WindowRecord record;
  const std::string window = seed("record/window");
  const std::size_t name_bytes = record_key(record).size();
  EXPECT_TRUE(
      decode(std::string_view(window).substr(1, name_bytes), std::string_view(window).substr(1 + name_bytes), &record));
}

TEST(KeyCorpus, HasKeysOfTheirFormats) {
  for (const char *name : {"default", "hex", "base64url", "uuid"}) {
    const std::string text = seed(std::string("key_format/") + name);
    std::string_view key = text;
    KeyFormat format;
    std::string error;
    ASSERT_TRUE(parse_key_format(fuzz::take_line(&key), &format, &error)) << name << ": " << error;
    EXPECT_TRUE(format.matches(key)) << name;
  }
  for (const char *name : {"weak", "long"}) {
    const std::string text = seed(std::string("key_format/") + name);
    std::string_view key = text;
    KeyFormat format;
    std::string error;
    EXPECT_FALSE(parse_key_format(fuzz::take_line(&key), &format, &error)) << name;
  }
}

TEST(KeyCorpus, HasSeveralFormatsBesideEachOther) {
  const std::string text = seed("key_format/several");
  std::string_view key = text;
  const KeyFormats formats = fuzz::read_key_formats(fuzz::take_line(&key));
  EXPECT_EQ(formats.all().size(), 4U);
  EXPECT_TRUE(formats.has_any() && formats.why_not(key).empty());
}

TEST(KeyCorpus, HasCredentialsToFind) {
  const auto field = [](const char *name) {
    const std::string text = seed(std::string("credential/") + name);
    return text.substr(text.find('\n') + 1);
  };
  EXPECT_NE(bearer_value(field("bearer")), "");
  EXPECT_NE(bearer_value(field("bearer_blanks")), "");
  EXPECT_TRUE(has_token_form(field("token")));
  const std::string basic = field("basic");
  std::string room(basic.size(), '\0');
  EXPECT_TRUE(read_basic(basic, room.data()).is_readable);
  EXPECT_NE(scheme_value(field("scheme"), "key"), "") << "whose name is what the target calls NAME";
  std::size_t count = 0;
  EXPECT_NE(websocket_credential(field("websocket"), kWebSocketProtocol, &count), "");
  EXPECT_EQ(count, 1U);
  const std::string query = field("query");
  std::size_t named = 0;
  for_each_argument(query, [&](std::string_view argument) {
    if (argument_value(argument, "key").data() != nullptr) {
      ++named;
    }
  });
  EXPECT_EQ(named, 2U);
}

TEST(KeyCorpus, HasGrantsAndRates) {
  for (const char *name : {"wildcards", "implied", "nested"}) {
    const std::string text = seed(std::string("scope/") + name);
    std::string_view rest = text;
    const Grants mine(fuzz::take_line(&rest), {}), theirs(fuzz::take_line(&rest), {});
    EXPECT_NE(mine.text(), "") << name;
    EXPECT_NE(theirs.text(), "") << name;
    EXPECT_TRUE(is_scope(fuzz::take_line(&rest))) << name;
  }
  std::string error;
  Rate rate;
  for (const char *name : {"minute", "most", "odd"}) {
    EXPECT_TRUE(parse_rate(seed(std::string("rate/") + name), &rate, &error)) << error;
  }
  EXPECT_FALSE(parse_rate(seed("rate/zero"), &rate, &error));
  Allowance allowance;
  EXPECT_TRUE(parse_allowance(seed("rate/credits"), &allowance, &error)) << error;
}

}  // namespace
}  // namespace keyward
