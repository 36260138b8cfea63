// Balances over a restart: what comes back, what is merged, what is left of it in the store.
#include "usage/credit_keeper.hpp"

#include <functional>

#include "shared_memory.hpp"
#include "store/environment/environment.hpp"
#include "store/environment/files.hpp"
#include "store_fixture.hpp"
#include "usage/credit_record.hpp"

namespace keyward::test {
namespace {

constexpr std::int64_t kWall_s = 1'800'000'000;
constexpr std::uint64_t kMono_ms = 5'000'003;
constexpr std::size_t kZone = std::size_t{1} << 20;
const CreditTerms kMonthly{{100, 30 * 86400}, {}};

// One life of nginx: a table, and a worker's way to the store.
struct Life {
  explicit Life(const std::string &store, std::int64_t wall_s = kWall_s, bool knows_secret = true)
      : memory(kZone),
        credits(kZone),
        windows(&zone, &usage, store, std::size_t{1} << 24),
        keeper(&zone, &usage, &windows),
        now_s(wall_s) {
    EXPECT_TRUE(Zone::create(memory.data(), memory.size(), &zone));
    zone.credits = CreditTable::create(credits.data(), credits.size());
    Bytes<kSecretBytes> secret = {};
    SecretStamp stamp;
    EXPECT_TRUE(read_secret(secret_file(store), &secret, &stamp).ok());
    const DigestKey key = Seal(secret).window_key();
    EXPECT_TRUE(zone.settle_secret(knows_secret ? &key : nullptr));
    status = keeper.load(moment(), &loaded);
  }

  Moment moment() const { return {kMono_ms, now_s * 1000}; }
  void save() {
    CreditKeeper::Loaded again;
    const StoreStatus saved = keeper.save(moment(), true, 1000, &again);
    EXPECT_TRUE(saved.ok()) << saved.text;
  }
  CreditResult charge(std::uint64_t who, std::uint64_t cost, const CreditTerms &terms = kMonthly) {
    return zone.credits->charge({name_of(who), terms, cost, {}, now_s}, kMono_ms);
  }

  SharedMemory memory, credits;
  Zone zone;
  UsageStore usage;
  WindowKeeper windows;
  CreditKeeper keeper;
  CreditKeeper::Loaded loaded;
  StoreStatus status;
  std::int64_t now_s;
};

class CreditKeeperTest : public StoreTest {
 protected:
  void forge(const Digest &account, const std::function<std::string(std::string)> &change) {
    EXPECT_EQ(0, in_child([&] {
                Environment environment;
                bool stale = false;
                if (!environment.open(store_, EnvironmentKind::usage, Access::write, 0).ok()) {
                  return 1;
                }
                const auto body = [&](WriteScope &scope) {
                  std::string_view stored;
                  lmdb::get(scope.txn(), scope.handle(Table::balances), view_of(account), &stored);
                  const std::string value = change(std::string(stored));
                  return scope.note(lmdb::put(scope.txn(), scope.handle(Table::balances), view_of(account), value, 0),
                                    "write");
                };
                return environment.write(body, nullptr, &stale).ok() ? 0 : 2;
              }));
  }
};

TEST_F(CreditKeeperTest, BalancesComeBack) {
  CreditTerms granted;
  granted.grant = {7, 7, 50, 0};
  {
    Life life(store_);
    EXPECT_TRUE(life.status.ok()) << life.status.text;
    EXPECT_EQ(life.charge(1, 30).left, 70);
    EXPECT_EQ(life.charge(2, 20, granted).left, 30);
    life.save();
    EXPECT_EQ(life.charge(1, 1).left, 69);
  }
  {
    Life life(store_, kWall_s + 86400);
    EXPECT_EQ(life.loaded.balances, 2U);
    EXPECT_EQ(life.charge(1, 10).left, 60) << "but what wasn't saved";
    EXPECT_EQ(life.charge(2, 10, granted).left, 20) << "what was granted is not granted again";
    life.save();
  }
  Life later(store_, kWall_s + 31 * 86400);
  EXPECT_EQ(later.charge(1, 10).left, 90) << "a new period";
  CreditState state;
  EXPECT_EQ(later.usage.find_credits(name_of(1), &state), StoreCode::ok);
  EXPECT_EQ(state.spent, 40);
  EXPECT_EQ(later.usage.find_credits(name_of(3), &state), StoreCode::not_found);
}

TEST_F(CreditKeeperTest, NothingIsSpentBeforeItIsLoaded) {
  Life life(store_, kWall_s, false);
  EXPECT_FALSE(life.status.ok());
  EXPECT_EQ(life.charge(1, 1).outcome, CreditResult::Outcome::closed);
}

TEST_F(CreditKeeperTest, TwoThatShareAStoreComeToOneSum) {
  {
    Life first(store_);
    EXPECT_EQ(first.charge(1, 10).left, 90);
    first.save();
  }
  // LMDB is opened once in a process, so the other one's turns are taken by a child.
  Life life(store_);
  EXPECT_EQ(life.charge(1, 5).left, 85);
  life.usage.close();
  EXPECT_EQ(0, in_child([&] {
              Life other(store_);
              const bool seen = other.charge(1, 20).left == 70;
              other.save();
              return seen ? 0 : 1;
            }));
  life.save();
  EXPECT_EQ(life.charge(1, 1).left, 64) << "10, 5 and 20 of the other one were spent before";
  life.save();
  CreditState state;
  EXPECT_EQ(life.usage.find_credits(name_of(1), &state), StoreCode::ok);
  EXPECT_EQ(state.spent, 36);
}

TEST_F(CreditKeeperTest, ADamagedBalanceIsEmptyUntilItIsRefilledOrSet) {
  {
    Life life(store_);
    life.charge(1, 10);
    life.save();
  }
  forge(name_of(1), [](std::string value) {
    value[3] = static_cast<char>(value[3] ^ 1);
    return value;
  });
  for (const bool is_set : {true, false}) {
    Life life(store_, kWall_s + 60);
    EXPECT_EQ(life.loaded.damaged, 1U);
    EXPECT_EQ(life.charge(1, 1).outcome, CreditResult::Outcome::too_few);
    CreditTerms terms = kMonthly;
    if (is_set) {
      const auto number = static_cast<std::uint64_t>(life.now_s) * 1000;
      terms.grant = {number, number, 5, 0};
      EXPECT_EQ(life.charge(1, 1, terms).left, 4);
      continue;
    }
    life.now_s += 400 * 86400;
    EXPECT_EQ(life.charge(1, 1).left, 99) << "refilled";
  }
}

TEST_F(CreditKeeperTest, DormantOnesAreRemoved) {
  Life life(store_);
  life.charge(1, 10, {{100, 3600}, {}});
  life.charge(2, 10);
  life.save();
  life.now_s += 7201;
  for (int i = 0; i < 300; ++i) {
    life.save();
  }
  CreditState state;
  EXPECT_EQ(life.usage.find_credits(name_of(1), &state), StoreCode::not_found);
  EXPECT_EQ(life.usage.find_credits(name_of(2), &state), StoreCode::ok);
  EXPECT_EQ(life.zone.credits->stats().used, 1U);
}

TEST(CreditRecord, IsReadBack) {
  CreditRecord record;
  record.state = {40, 30, 0, 5, -3, 9, 8, 7, 6, 1'900'000'000, 3600, 1};
  record.table = 77;
  const std::string content = encode(record);
  CreditRecord read;
  ASSERT_TRUE(decode(content, &read));
  EXPECT_EQ(content, encode(read));
  EXPECT_EQ(read.state.synced, 0) << "of the table alone";
  for (std::size_t length = 0; length < content.size(); ++length) {
    EXPECT_FALSE(decode(std::string_view(content).substr(0, length), &read)) << length;
  }
  EXPECT_FALSE(decode(content + '\0', &read));
  for (std::size_t i = 0; i < content.size(); ++i) {
    std::string changed = content;
    changed[i] = static_cast<char>(changed[i] ^ 0x80);
    if (decode(changed, &read)) {
      EXPECT_EQ(changed, encode(read)) << i;
    }
  }
}

}  // namespace
}  // namespace keyward::test
