#include "fetch/key_set_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.hpp"
#include "fetch/fetch_source.hpp"
#include "fetch/shared_key_set.hpp"
#include "store_fixture.hpp"
#include "usage/usage.hpp"

namespace keyward::test {
namespace {

class KeySetFileTest : public testing::Test {
 protected:
  KeySetFileTest() : path_(folder_.path() + "/keys.cache") {}

  bool write(const KeptKeySet &set) { return write_key_set_file(path_, name_, set, &error_); }
  bool read() { return read_key_set_file(path_, name_, &found_, &error_); }

  TemporaryFolder folder_;
  std::string path_;
  Sha256 name_ = sha256("here");
  KeptKeySet found_;
  std::string error_;
};

TEST_F(KeySetFileTest, ReadsWhatItWrote) {
  EXPECT_FALSE(read());
  EXPECT_EQ("", error_);
  ASSERT_TRUE(write({1700000000, "{\"keys\":[]}"})) << error_;
  ASSERT_TRUE(read()) << error_;
  EXPECT_EQ(1700000000, found_.fetched_at_s);
  EXPECT_EQ("{\"keys\":[]}", found_.text);
  struct stat st = {};
  ASSERT_EQ(0, stat(path_.c_str(), &st));
  EXPECT_EQ(0600U, st.st_mode & 07777U);

  const std::string most(kMaxKeySetText, 'x');
  ASSERT_TRUE(write({1, most})) << error_;  // in its place
  ASSERT_TRUE(read()) << error_;
  EXPECT_EQ(most, found_.text);
  EXPECT_NE(0, access((path_ + '.' + std::to_string(getpid()) + ".new").c_str(), F_OK));
}

TEST_F(KeySetFileTest, TakesNothingElse) {
  ASSERT_TRUE(write({1700000000, "some keys"})) << error_;
  const std::string whole = read_file(path_);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    write_file(path_, whole.substr(0, size));
    EXPECT_FALSE(read()) << size;
    EXPECT_NE("", error_);
  }
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    write_file(path_, damaged);
    EXPECT_FALSE(read()) << i;
  }
  write_file(path_, whole + "x");
  EXPECT_FALSE(read());
  write_file(path_, whole);
  EXPECT_TRUE(read());
  name_ = sha256("elsewhere");
  EXPECT_FALSE(read());
  EXPECT_NE(std::string::npos, error_.find("another URL")) << error_;
}

TEST_F(KeySetFileTest, BelievesNoFileThatOthersMayWrite) {
  ASSERT_TRUE(write({1700000000, "some keys"})) << error_;
  for (const mode_t mode : {0660U, 0602U, 0666U}) {
    ASSERT_EQ(0, chmod(path_.c_str(), mode));
    EXPECT_FALSE(read());
    EXPECT_NE(std::string::npos, error_.find("others")) << error_;
  }
  ASSERT_EQ(0, chmod(path_.c_str(), 0644));
  EXPECT_TRUE(read());
  const std::string link = folder_.path() + "/link";
  ASSERT_EQ(0, symlink(path_.c_str(), link.c_str()));
  EXPECT_FALSE(read_key_set_file(link, name_, &found_, &error_));
  EXPECT_FALSE(read_key_set_file(folder_.path(), name_, &found_, &error_));
  const std::string pipe = folder_.path() + "/pipe";
  ASSERT_EQ(0, mkfifo(pipe.c_str(), 0600));
  EXPECT_FALSE(read_key_set_file(pipe, name_, &found_, &error_));
}

TEST_F(KeySetFileTest, SaysWhyItCantWrite) {
  path_ = folder_.path() + "/missing/keys";
  EXPECT_FALSE(write({1, "x"}));
  EXPECT_NE(std::string::npos, error_.find("No such file")) << error_;
}

class KeySetInStoreTest : public StoreTest {};

TEST_F(KeySetInStoreTest, IsKeptBesideTheUseCounts) {
  UsageStore usage;
  std::string packed;
  EXPECT_EQ(StoreCode::io, usage.find_key_set(sha256("a"), &packed).code);
  ASSERT_STORE_OK(usage.open(store_, false, std::size_t{1} << 20));
  EXPECT_EQ(StoreCode::not_found, usage.find_key_set(sha256("a"), &packed).code);
  const std::string large = pack_key_set({1700000000, std::string(kMaxKeySetText, 'k')});
  ASSERT_STORE_OK(usage.put_key_set(sha256("a"), "small", 1000));
  ASSERT_STORE_OK(usage.put_key_set(sha256("b"), "other", 1000));
  ASSERT_STORE_OK(usage.put_key_set(sha256("a"), large, 1000));  // the map grows
  usage.close();
  ASSERT_STORE_OK(usage.open(store_, true, 0));
  ASSERT_STORE_OK(usage.find_key_set(sha256("a"), &packed));
  KeptKeySet set;
  ASSERT_TRUE(take_key_set(packed, &set));
  EXPECT_EQ(1700000000, set.fetched_at_s);
  EXPECT_EQ(kMaxKeySetText, set.text.size());
  ASSERT_STORE_OK(usage.find_key_set(sha256("b"), &packed));
  EXPECT_EQ("other", packed);
}

TEST_F(KeySetInStoreTest, DamageIsSeen) {
  {
    UsageStore usage;
    ASSERT_STORE_OK(usage.open(store_, false, std::size_t{1} << 20));
    ASSERT_STORE_OK(usage.put_key_set(sha256("a"), "a set of keys, kept", 1000));
  }
  const std::string path = usage_folder(store_) + "/data.mdb";
  std::string data = read_file(path);
  std::size_t at = 0;
  while ((at = data.find("a set of keys, kept", at)) != std::string::npos) {
    data[at++] = 'A';
  }
  write_file(path, data);
  UsageStore usage;
  std::string packed;
  ASSERT_STORE_OK(usage.open(store_, true, 0));
  EXPECT_EQ(StoreCode::damaged, usage.find_key_set(sha256("a"), &packed).code);
}

TEST(FetchSourceTest, ItsNameIsOfTheUrlAndOfWhatIsTrustedForIt) {
  FetchSource a, b;
  a.request.url.text = b.request.url.text = "https://a/";
  b.cache = "/elsewhere";
  b.plan.refresh_ms = 1;
  EXPECT_EQ(a.name(), b.name());
  b.request.ca = std::make_shared<std::string>("pem");
  EXPECT_NE(a.name(), b.name());
  b.request.ca.reset();
  b.request.url.text = "https://b/";
  EXPECT_NE(a.name(), b.name());
}

}  // namespace
}  // namespace keyward::test
