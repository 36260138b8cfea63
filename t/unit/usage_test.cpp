// Use counts: batches that add up, over processes, kills and damage.
#include "usage/usage.hpp"

#include "store/environment/environment.hpp"
#include "store_fixture.hpp"

namespace keyward::test {
namespace {

class UsageTest : public StoreTest {
 protected:
  static constexpr std::size_t kMap = std::size_t{1} << 24;

  static Digest name(int n) { return locator(n); }
  static UsageDelta used(int n, std::uint64_t uses, std::int64_t at_s) {
    UsageDelta delta;
    delta.key = name(n);
    delta.uses = uses;
    delta.last_used_s = at_s;
    return delta;
  }
  static UsageDelta refused(int n, std::uint8_t reason, std::int64_t at_s) {
    UsageDelta delta;
    delta.key = name(n);
    delta.refusal = reason;
    delta.refused_s = at_s;
    return delta;
  }
  StoreStatus add(const std::vector<UsageDelta> &deltas) { return usage_.add(deltas.data(), deltas.size(), 1000); }
  UsageRecord find(int n) {
    UsageRecord record;
    EXPECT_EQ(StoreCode::ok, usage_.find(name(n), &record));
    return record;
  }
  std::string usage_data() const { return usage_folder(store_) + "/data.mdb"; }

  UsageStore usage_;
};

TEST_F(UsageTest, AddsUp) {
  ASSERT_STORE_OK(usage_.open(store_, false, kMap));
  UsageRecord record;
  EXPECT_EQ(StoreCode::not_found, usage_.find(name(1), &record));
  ASSERT_STORE_OK(add({used(1, 2, 100), used(2, 1, 50), used(1, 3, 90), refused(1, 7, 80)}));
  EXPECT_EQ(5U, find(1).uses);
  EXPECT_EQ(100, find(1).last_used_s);
  EXPECT_EQ(7, find(1).refusal);
  EXPECT_EQ(80, find(1).refused_s);
  EXPECT_EQ(1U, find(2).uses);
  ASSERT_STORE_OK(add({used(1, 1, 99), refused(1, 8, 79)}));
  EXPECT_EQ(6U, find(1).uses);
  EXPECT_EQ(100, find(1).last_used_s);
  EXPECT_EQ(7, find(1).refusal);
  ASSERT_STORE_OK(add({refused(1, 8, 81)}));
  EXPECT_EQ(8, find(1).refusal);
  EXPECT_EQ(81, find(1).refused_s);
  ASSERT_STORE_OK(add({used(1, ~std::uint64_t{0}, 100)}));
  EXPECT_EQ(~std::uint64_t{0}, find(1).uses);
  ASSERT_STORE_OK(add({}));
}

TEST_F(UsageTest, ReadingNeedsNoWriting) {
  UsageStore reader;
  ASSERT_STORE_OK(reader.open(store_, true, 0));
  EXPECT_EQ(0, in_child([this] {
              UsageStore own;
              const UsageDelta delta = used(1, 4, 10);
              return own.open(store_, false, kMap).ok() && own.add(&delta, 1, 1000).ok() ? 0 : 1;
            }));
  UsageRecord record;
  ASSERT_EQ(StoreCode::ok, reader.find(name(1), &record));
  EXPECT_EQ(4U, record.uses);
  const UsageDelta delta = used(1, 1, 1);
  EXPECT_EQ(StoreCode::io, reader.add(&delta, 1, 0).code);
}

TEST_F(UsageTest, WorkersAddUp) {
  constexpr int kWorkers = 3, kBatches = 20;
  const auto work = [this] {
    UsageStore own;
    const std::vector<UsageDelta> deltas = {used(1, 1, 10), used(2, 2, 20)};
    bool ok = own.open(store_, false, kMap).ok();
    for (int i = 0; ok && i < kBatches; ++i) {
      ok = own.add(deltas.data(), deltas.size(), 20000).ok();
    }
    return ok ? 0 : 1;
  };
  {
    Child one(work), two(work), three(work);
    EXPECT_EQ(0, one.wait());
    EXPECT_EQ(0, two.wait());
    EXPECT_EQ(0, three.wait());
  }
  ASSERT_STORE_OK(usage_.open(store_, true, 0));
  EXPECT_EQ(std::uint64_t{kWorkers * kBatches}, find(1).uses);
  EXPECT_EQ(std::uint64_t{2 * kWorkers * kBatches}, find(2).uses);
}

// Whatever was added before is there, and the next worker goes on.
TEST_F(UsageTest, AKilledWorkerLosesOneBatchAtMost) {
  ASSERT_STORE_OK(usage_.open(store_, false, kMap));
  for (int i = 0; i < 5; ++i) {
    Signal half;
    Child child([&] {
      UsageStore own;
      const UsageDelta delta = used(1, 1, 10);
      if (!own.open(store_, false, kMap).ok() || !own.add(&delta, 1, 1000).ok()) {
        return 1;
      }
      half.give();
      for (;;) {
        own.add(&delta, 1, 1000);
      }
    });
    half.await();
    const std::uint64_t before = find(1).uses;
    kill(child.pid(), SIGKILL);
    child.wait();
    ASSERT_STORE_OK(add({used(2, 1, 10)}));
    EXPECT_LE(before, find(1).uses);
    EXPECT_EQ(static_cast<std::uint64_t>(i) + 1, find(2).uses);
  }
}

TEST_F(UsageTest, WaitsForItsOwnLockOnly) {
  ASSERT_STORE_OK(usage_.open(store_, false, kMap));
  Signal inside;
  Child child([&] {
    CredentialWriter writer;
    if (writer.open(store_).ok()) {
      writer.run(1000, kTester, [&](WriteTxn &) {
        inside.give();
        pause();
        return StoreStatus();
      });
    }
    return 1;
  });
  inside.await();
  EXPECT_TRUE(add({used(1, 1, 1)}).ok());
}

TEST_F(UsageTest, GrowsItsMap) {
  store_ = folder_.path() + "/small";
  make_store(store_, 256 * 1024);
  ASSERT_STORE_OK(usage_.open(store_, false, 128 * 1024));
  std::vector<UsageDelta> deltas;
  for (int n = 0; n < 10000; ++n) {
    deltas.push_back(used(n, 1, 1));
  }
  ASSERT_STORE_OK(add(deltas));
  EXPECT_EQ(1U, find(9999).uses);
  EXPECT_EQ(1U, find(0).uses);
}

// A damaged count is worth less than the counts of all others.
TEST_F(UsageTest, ADamagedCountBeginsAnew) {
  EXPECT_EQ(0, in_child([this] {
              Environment environment;
              bool stale = false;
              if (!environment.open(store_, EnvironmentKind::usage, Access::write, 0).ok()) {
                return 1;
              }
              const auto forge = [](WriteScope &scope) {
                const std::string key(view_of(name(1)));
                return scope.note(lmdb::put(scope.txn(), scope.handle(Table::usage), key, "damaged", 0), "write");
              };
              return environment.write(forge, nullptr, &stale).ok() ? 0 : 2;
            }));
  ASSERT_STORE_OK(usage_.open(store_, false, kMap));
  UsageRecord record;
  EXPECT_EQ(StoreCode::damaged, usage_.find(name(1), &record));
  ASSERT_STORE_OK(add({used(1, 3, 1), used(2, 1, 1)}));
  EXPECT_EQ(3U, find(1).uses);
}

TEST_F(UsageTest, MissingFilesAreMissing) {
  ASSERT_EQ(0, std::remove(usage_data().c_str()));
  EXPECT_EQ(StoreCode::missing, usage_.open(store_, true, 0).code);
  EXPECT_EQ(StoreCode::missing, usage_.open(store_, false, kMap).code);
  EXPECT_NE(0, access(usage_data().c_str(), F_OK));
  UsageRecord record;
  EXPECT_EQ(StoreCode::io, usage_.find(name(1), &record));
  const UsageDelta delta = used(1, 1, 1);
  EXPECT_EQ(StoreCode::io, usage_.add(&delta, 1, 0).code);
}

TEST_F(UsageTest, FollowsAStoreThatWasReplaced) {
  ASSERT_STORE_OK(usage_.open(store_, false, kMap));
  ASSERT_STORE_OK(add({used(1, 1, 1)}));
  const std::string other = folder_.path() + "/other";
  make_store(other);
  ASSERT_EQ(0, std::rename(secret_file(other).c_str(), secret_file(store_).c_str()));
  ASSERT_EQ(0, std::rename((usage_folder(other) + "/data.mdb").c_str(), usage_data().c_str()));
  ASSERT_STORE_OK(add({used(2, 1, 1)}));
  UsageRecord record;
  EXPECT_EQ(StoreCode::not_found, usage_.find(name(1), &record));
  EXPECT_EQ(1U, find(2).uses);
  ASSERT_STORE_OK(usage_.refresh());
  ASSERT_EQ(0, truncate(usage_data().c_str(), 0));
  EXPECT_EQ(StoreCode::truncated, usage_.refresh().code);
  EXPECT_FALSE(usage_.is_open());
  EXPECT_EQ(StoreCode::no_schema, usage_.refresh().code);
}

TEST_F(UsageTest, IsOfNoUseInAChild) {
  ASSERT_STORE_OK(usage_.open(store_, false, kMap));
  ASSERT_STORE_OK(add({used(1, 1, 1)}));
  EXPECT_EQ(0, in_child([this] {
              UsageRecord record;
              const bool refused = !add({used(1, 1, 1)}).ok() && usage_.find(name(1), &record) == StoreCode::io;
              usage_.close();
              return refused ? 0 : 1;
            }));
  EXPECT_EQ(1U, find(1).uses);
  ASSERT_STORE_OK(add({used(1, 1, 1)}));
}

}  // namespace
}  // namespace keyward::test
