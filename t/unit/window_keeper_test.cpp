// Windows over a restart: what comes back, by which clock, and what is left of it in the store.
#include "usage/window_keeper.hpp"

#include <array>
#include <atomic>
#include <limits>

#include "shared_memory.hpp"
#include "store/environment/environment.hpp"
#include "store/environment/files.hpp"
#include "store_fixture.hpp"

namespace keyward::test {
namespace {

constexpr std::int64_t kHour = 3'600'000;
constexpr std::int64_t kWall = 1'800'000'000'000;
constexpr std::uint64_t kMono = 5'000'003;
constexpr std::size_t kZone = std::size_t{1} << 20;

Charge charge_of(const Zone &zone, std::string_view who, std::uint32_t count, std::uint32_t window_s = 3600,
                 bool sliding = false) {
  Charge charge;
  charge.name = keyed_digest(*zone.secret, who);
  charge.limit_name = 7;
  charge.rate = {count, window_s};
  charge.sliding = sliding;
  return charge;
}

// One life of nginx: a zone, and a worker's way to the store. Times are since the life's own zero.
struct Life {
  explicit Life(const std::string &store, std::int64_t wall_ms, std::uint64_t mono_ms, bool load_now = true)
      : memory(kZone), keeper(&zone, &usage, store, std::size_t{1} << 24), start_{mono_ms, wall_ms} {
    EXPECT_TRUE(Zone::create(memory.data(), memory.size(), &zone));
    Bytes<kSecretBytes> secret = {};
    SecretStamp stamp;
    EXPECT_TRUE(read_secret(secret_file(store), &secret, &stamp).ok());
    const DigestKey key = Seal(secret).window_key();
    EXPECT_TRUE(zone.settle_secret(&key));
    if (load_now) {
      load();
    }
  }

  Moment at(std::int64_t ms) const { return {start_.now_ms + static_cast<std::uint64_t>(ms), start_.wall_ms + ms}; }
  std::uint64_t mono(std::int64_t ms) const { return at(ms).now_ms; }
  void load() {
    const StoreStatus status = keeper.load(at(0), &loaded);
    EXPECT_TRUE(status.ok()) << status.text;
  }
  void save(std::int64_t ms, bool last = false) {
    WindowKeeper::Loaded again;
    const StoreStatus status = keeper.save(at(ms), last, 1000, &again);
    EXPECT_TRUE(status.ok()) << status.text;
  }
  int admitted(const Charge &charge, std::int64_t ms, int tries) {
    int count = 0;
    for (int i = 0; i < tries; ++i) {
      count += zone.principals->charge(charge, mono(ms)).admitted ? 1 : 0;
    }
    return count;
  }
  std::vector<WindowRecord> stored(std::size_t *damaged = nullptr) {
    std::vector<WindowRecord> records;
    EXPECT_TRUE(keeper.ready().ok());
    const auto status = usage.for_each_window([&](const WindowRecord &record) { records.push_back(record); },
                                              [&](std::string_view) { *damaged += damaged != nullptr ? 1U : 0U; });
    EXPECT_TRUE(status.ok()) << status.text;
    return records;
  }

  SharedMemory memory;
  Zone zone;
  UsageStore usage;
  WindowKeeper keeper;
  WindowKeeper::Loaded loaded;

 private:
  Moment start_;
};

class WindowKeeperTest : public StoreTest {
 protected:
  void begin_store() {
    store_ = folder_.path() + "/store" + std::to_string(++stores_);
    make_store(store_);
  }

  // Lets `who` use so many of five in an hour, and ends.
  void live_once(int uses, bool sliding = false) {
    Life life(store_, kWall, kMono);
    EXPECT_EQ(life.admitted(charge_of(life.zone, "who", 5, 3600, sliding), 0, uses), uses);
    life.save(1000, true);
  }

  // Puts this in the place of what is stored of a window, whatever it is.
  void forge(std::string_view name, const std::string &value) {
    EXPECT_EQ(0, in_child([&] {
                Environment environment;
                bool stale = false;
                if (!environment.open(store_, EnvironmentKind::usage, Access::write, 0).ok()) {
                  return 1;
                }
                const auto body = [&](WriteScope &scope) {
                  return scope.note(lmdb::put(scope.txn(), scope.handle(Table::windows), name, value, 0), "write");
                };
                return environment.write(body, nullptr, &stale).ok() ? 0 : 2;
              }));
  }

 private:
  int stores_ = 0;
};

TEST_F(WindowKeeperTest, WindowsOfAnHourComeBack) {
  {
    Life life(store_, kWall, kMono);
    EXPECT_TRUE(life.loaded.by_us);
    EXPECT_EQ(life.admitted(charge_of(life.zone, "fixed", 5), 0, 3), 3);
    EXPECT_EQ(life.admitted(charge_of(life.zone, "day", 5, 86400), 0, 5), 5);
    EXPECT_EQ(life.admitted(charge_of(life.zone, "short", 5, 3599), 0, 5), 5);
    EXPECT_TRUE(life.zone.addresses->charge(charge_of(life.zone, "address", 1), life.mono(0)).admitted);
    life.save(1000);
    EXPECT_EQ(life.stored().size(), 3U);
    EXPECT_EQ(life.admitted(charge_of(life.zone, "fixed", 5), 2000, 1), 1);
    life.save(2000, true);
  }
  // The machine was started anew, so its monotonic clock begins at 0.
  Life life(store_, kWall + 60'000, 17);
  EXPECT_EQ(life.loaded.windows, 3U);
  EXPECT_EQ(life.loaded.damaged, 0U);
  EXPECT_EQ(life.zone.principals->look(charge_of(life.zone, "fixed", 5), life.mono(0)).reset_ms, kHour - 60'000U);
  EXPECT_EQ(life.admitted(charge_of(life.zone, "fixed", 5), 0, 9), 1);
  EXPECT_EQ(life.admitted(charge_of(life.zone, "day", 5, 86400), 0, 9), 0);
  EXPECT_EQ(life.admitted(charge_of(life.zone, "short", 5, 3599), 0, 9), 5);
  EXPECT_FALSE(life.zone.addresses->charge(charge_of(life.zone, "address", 1), life.mono(0)).admitted);
  EXPECT_EQ(life.admitted(charge_of(life.zone, "fixed", 5), kHour - 60'001, 9), 0);
  EXPECT_EQ(life.admitted(charge_of(life.zone, "fixed", 5), kHour - 60'000, 9), 5);
}

TEST_F(WindowKeeperTest, SlidingWindowsComeBackWithTheOneBefore) {
  std::array<WindowState, 3> said;
  {
    Life life(store_, kWall, kMono);
    const Charge charge = charge_of(life.zone, "who", 100, 3600, true);
    EXPECT_EQ(life.admitted(charge, 0, 80), 80);
    EXPECT_EQ(life.admitted(charge, kHour + kHour / 4, 10), 10);
    life.save(kHour + kHour / 4, true);
    for (std::size_t i = 0; i < said.size(); ++i) {
      said[i] =
          life.zone.principals->look(charge, life.mono(kHour + kHour / 2 + static_cast<std::int64_t>(i) * kHour / 2));
    }
  }
  Life life(store_, kWall + kHour + kHour / 2, 17);
  for (std::size_t i = 0; i < said.size(); ++i) {
    const WindowState state = life.zone.principals->look(charge_of(life.zone, "who", 100, 3600, true),
                                                         life.mono(static_cast<std::int64_t>(i) * kHour / 2));
    EXPECT_EQ(state.remaining, said[i].remaining) << i;
    EXPECT_EQ(state.reset_ms, said[i].reset_ms) << i;
  }
}

TEST_F(WindowKeeperTest, AClockThatSteppedMakesNoWindowLonger) {
  for (const bool sliding : {false, true}) {
    for (const std::int64_t step : {-100 * kHour, -kHour, -kHour / 2, std::int64_t{0}, kHour / 2}) {
      begin_store();
      live_once(5, sliding);
      Life life(store_, kWall + 1000 + step, 17);
      const Charge charge = charge_of(life.zone, "who", 5, 3600, sliding);
      const WindowState state = life.zone.principals->look(charge, life.mono(0));
      EXPECT_FALSE(state.admitted) << step;
      EXPECT_LE(state.reset_ms, static_cast<std::uint64_t>(kHour)) << step;
      EXPECT_TRUE(life.zone.principals->look(charge, life.mono(2 * kHour)).admitted) << step;
    }
    begin_store();
    live_once(5, sliding);
    Life life(store_, kWall + 3 * kHour, 17);
    EXPECT_EQ(life.loaded.windows, 0U);
    EXPECT_EQ(life.admitted(charge_of(life.zone, "who", 5, 3600, sliding), 0, 9), 5);
    life.save(0, true);
    EXPECT_EQ(life.stored().size(), 1U);
  }
}

// A step while nginx runs: every end is another by the new clock, and what looks ended isn't removed.
TEST_F(WindowKeeperTest, AClockThatStepsWhileItRunsIsFollowed) {
  Life life(store_, kWall, kMono);
  EXPECT_EQ(life.admitted(charge_of(life.zone, "who", 5), 0, 3), 3);
  life.save(0);
  WindowKeeper::Loaded again;
  for (const std::int64_t step : {5 * kHour, -5 * kHour}) {
    for (int i = 0; i < 20; ++i) {
      ASSERT_STORE_OK(life.keeper.save({life.mono(i * 1000), kWall + step + i * 1000}, false, 1000, &again));
    }
    const auto records = life.stored();
    ASSERT_EQ(records.size(), 1U);
    EXPECT_EQ(records[0].end_ms, kWall + step + kHour);
  }
  // Drifting apart by little is no step.
  ASSERT_STORE_OK(life.keeper.save({life.mono(20'000), kWall - 5 * kHour + 20'900}, false, 1000, &again));
  EXPECT_EQ(life.stored()[0].end_ms, kWall - 5 * kHour + kHour);
}

TEST_F(WindowKeeperTest, OneOfManyProcessesLoads) {
  live_once(3);
  Life life(store_, kWall + 1000, kMono, false);
  Shared<std::atomic<int>> loads;
  std::array<pid_t, 4> children{};
  for (pid_t &child : children) {
    child = spawn([&] {
      UsageStore usage;
      WindowKeeper keeper(&life.zone, &usage, store_, std::size_t{1} << 24);
      WindowKeeper::Loaded loaded;
      if (!keeper.load(life.at(0), &loaded).ok()) {
        _exit(1);
      }
      *loads += loaded.by_us ? 1 : 0;
      // Whoever goes on has what was there.
      if (life.zone.principals->look(charge_of(life.zone, "who", 5), life.mono(0)).remaining != 2) {
        _exit(2);
      }
    });
  }
  for (const pid_t child : children) {
    EXPECT_TRUE(ended_well(child));
  }
  EXPECT_EQ(*loads, 1);
  life.load();
  EXPECT_FALSE(life.loaded.by_us);
  EXPECT_EQ(life.admitted(charge_of(life.zone, "who", 5), 0, 9), 2);
}

TEST_F(WindowKeeperTest, AKilledLoaderIsFollowedByTheNext) {
  live_once(3);
  Life life(store_, kWall + 1000, kMono, false);
  Signal held;
  {
    Child child([&] {
      life.zone.transfer().lock();
      held.give();
      pause();
      return 0;
    });
    held.await();
    WindowKeeper::Loaded loaded;
    EXPECT_EQ(life.keeper.load(life.at(0), &loaded).code, StoreCode::busy);
    EXPECT_FALSE(life.zone.windows_loaded());
  }
  life.load();
  EXPECT_TRUE(life.loaded.by_us);
  EXPECT_EQ(life.admitted(charge_of(life.zone, "who", 5), 0, 9), 2);
}

// What can't be read at the start is taken in once it can; until then nothing that is there is written over.
TEST_F(WindowKeeperTest, WhatCouldNotBeLoadedIsLoadedLater) {
  live_once(4);
  const std::string data = usage_folder(store_) + "/data.mdb";
  const std::string whole = read_file(data);
  write_file(data, "");
  Life life(store_, kWall + 1000, kMono, false);
  WindowKeeper::Loaded loaded;
  EXPECT_FALSE(life.keeper.load(life.at(0), &loaded).ok());
  EXPECT_EQ(life.admitted(charge_of(life.zone, "who", 5), 0, 2), 2);
  EXPECT_FALSE(life.keeper.save(life.at(0), false, 1000, &loaded).ok());
  write_file(data, whole);
  ASSERT_STORE_OK(life.keeper.save(life.at(1000), false, 1000, &loaded));
  EXPECT_EQ(loaded.windows, 1U);
  EXPECT_EQ(life.admitted(charge_of(life.zone, "who", 5), 0, 9), 1);
}

TEST_F(WindowKeeperTest, AStoreWithoutUsageHasNone) {
  ASSERT_EQ(0, std::remove((usage_folder(store_) + "/data.mdb").c_str()));
  Life life(store_, kWall, kMono);
  EXPECT_TRUE(life.loaded.by_us);
  WindowKeeper::Loaded loaded;
  EXPECT_EQ(life.keeper.save(life.at(0), false, 1000, &loaded).code, StoreCode::missing);
}

TEST_F(WindowKeeperTest, DamagedOnesAreIgnoredAndRemoved) {
  std::string name;
  {
    Life life(store_, kWall, kMono);
    life.admitted(charge_of(life.zone, "who", 5), 0, 5);
    life.admitted(charge_of(life.zone, "other", 5), 0, 5);
    life.save(0, true);
    for (const WindowRecord &record : life.stored()) {
      CarriedWindow window;
      std::memcpy(&window.tag, charge_of(life.zone, "who", 5).name.data(), sizeof(window.tag));
      name = record.tag == window.tag ? record_key(record) : name;
    }
  }
  ASSERT_FALSE(name.empty());
  forge(name, "damaged");
  forge("x", std::string(60, 'x'));
  forge(std::string(9, '\0'), std::string());
  Life life(store_, kWall + 1000, kMono);
  EXPECT_EQ(life.loaded.damaged, 3U);
  EXPECT_EQ(life.loaded.windows, 1U);
  EXPECT_EQ(life.admitted(charge_of(life.zone, "other", 5), 0, 9), 0);
  EXPECT_EQ(life.admitted(charge_of(life.zone, "who", 5), 0, 9), 5);
  life.save(1000);
  std::size_t damaged = 0;
  EXPECT_EQ(life.stored(&damaged).size(), 2U);
  EXPECT_EQ(damaged, 0U);
}

TEST_F(WindowKeeperTest, EndedOnesAreRemoved) {
  Life life(store_, kWall, kMono);
  for (int i = 0; i < 3000; ++i) {
    life.admitted(charge_of(life.zone, std::to_string(i), 5, i % 3 == 0 ? 7200 : 3600, i % 2 == 1), 0, 1);
  }
  life.save(0);
  EXPECT_EQ(life.stored().size(), 3000U);
  for (int i = 0; i < 20; ++i) {
    life.save(kHour + i * 1000);
  }
  EXPECT_EQ(life.stored().size(),
            2000U);  // a third of an hour's fixed ones is gone: those that are neither long nor sliding
  for (int i = 0; i < 20; ++i) {
    life.save(5 * kHour + i * 1000);
  }
  EXPECT_TRUE(life.stored().empty());
}

TEST_F(WindowKeeperTest, AnotherEnvironmentGetsThemAll) {
  Life life(store_, kWall, kMono);
  life.admitted(charge_of(life.zone, "who", 5), 0, 5);
  life.save(0);
  const std::string other = folder_.path() + "/other";
  make_store(other);
  ASSERT_EQ(0, std::rename(secret_file(other).c_str(), secret_file(store_).c_str()));
  ASSERT_EQ(0, std::rename((usage_folder(other) + "/data.mdb").c_str(), (usage_folder(store_) + "/data.mdb").c_str()));
  life.save(1000);
  EXPECT_EQ(life.stored().size(), 1U);
  life.usage.close();
  // Named under a secret that is gone: nobody is taken for who it was.
  Life next(store_, kWall + 2000, kMono);
  EXPECT_EQ(next.admitted(charge_of(next.zone, "who", 5), 0, 9), 5);
}

TEST_F(WindowKeeperTest, AZoneWithASecretOfItsOwnKeepsNothing) {
  live_once(5);
  SharedMemory memory(kZone);
  Zone zone;
  ASSERT_TRUE(Zone::create(memory.data(), memory.size(), &zone));
  ASSERT_TRUE(zone.settle_secret(nullptr));
  UsageStore usage;
  WindowKeeper keeper(&zone, &usage, store_, std::size_t{1} << 24);
  WindowKeeper::Loaded loaded;
  ASSERT_STORE_OK(keeper.load({kMono, kWall}, &loaded));
  EXPECT_FALSE(loaded.by_us);
  EXPECT_EQ(zone.principals->stats(kMono).open, 0U);
  zone.principals->charge(charge_of(zone, "who", 5), kMono);
  ASSERT_STORE_OK(keeper.save({kMono, kWall}, true, 1000, &loaded));
  EXPECT_FALSE(usage.is_open());
}

TEST_F(WindowKeeperTest, ARetiredZoneStoresNoMore) {
  Life life(store_, kWall, kMono);
  life.zone.retire();
  life.admitted(charge_of(life.zone, "who", 5), 0, 5);
  life.save(0, true);
  EXPECT_TRUE(life.stored().empty());
}

// Whatever charges make of windows, what is stored of them can be read again.
TEST_F(WindowKeeperTest, WhatIsWrittenCanBeRead) {
  Life life(store_, kWall, kMono);
  std::uint64_t state = 7;
  std::int64_t ms = 0;
  for (int i = 0; i < 20'000; ++i) {
    state = spread(state);
    const std::uint64_t who = state % 300;
    const std::uint32_t length_s = (state >> 20) % 2 == 0 ? 3600 : 7200;  // rates change
    life.admitted(
        charge_of(life.zone, std::to_string(who), static_cast<std::uint32_t>(1 + state % 7), length_s, who % 2 == 1),
        ms, 1);
    ms += static_cast<std::int64_t>((state >> 40) % 60'000);
    if (i % 500 == 0) {
      life.save(ms);
    }
  }
  life.save(ms, true);
  std::size_t damaged = 0;
  EXPECT_GT(life.stored(&damaged).size(), 50U);
  EXPECT_EQ(damaged, 0U);
}

// By the calendar: by its number, whatever the clocks say.
TEST_F(WindowKeeperTest, WindowsByTheCalendarComeBackByTheirNumber) {
  constexpr std::int64_t kDayMs = 24 * kHour;
  // 23:59:59 on 31 January 2027, and what a restart so much later, or earlier, finds of five used in each.
  constexpr std::int64_t kBefore = 1'801'439'999'000;
  struct {
    std::int64_t later_ms;
    int day, month;
  } const cases[] = {{0, 0, 0},       {1000, 5, 5},        {kDayMs, 5, 5},       {29 * kDayMs, 5, 5}, {-1000, 0, 0},
                     {-kDayMs, 0, 0}, {-2 * kDayMs, 0, 0}, {-30 * kDayMs, 0, 0}, {-32 * kDayMs, 0, 0}};
  for (const auto &test : cases) {
    SCOPED_TRACE(test.later_ms);
    begin_store();
    const auto charge_at = [](const Zone &zone, std::string_view who, std::uint32_t window, std::int64_t wall_ms) {
      Charge charge = charge_of(zone, who, 5, window);
      charge.wall_s = wall_ms / 1000;
      return charge;
    };
    {
      Life life(store_, kBefore, kMono);
      EXPECT_EQ(life.admitted(charge_at(life.zone, "day", kCalendarDay, kBefore), 0, 9), 5);
      EXPECT_EQ(life.admitted(charge_at(life.zone, "month", kCalendarMonth, kBefore), 0, 9), 5);
      EXPECT_EQ(life.admitted(charge_at(life.zone, "unused", kCalendarMonth, kBefore), 0, 2), 2);
      life.save(0, true);
      EXPECT_EQ(life.stored().size(), 3U);
    }
    const std::int64_t now_ms = kBefore + test.later_ms;
    Life life(store_, now_ms, 17);
    EXPECT_EQ(life.loaded.damaged, 0U);
    EXPECT_EQ(life.admitted(charge_at(life.zone, "day", kCalendarDay, now_ms), 0, 9), test.day);
    EXPECT_EQ(life.admitted(charge_at(life.zone, "month", kCalendarMonth, now_ms), 0, 9), test.month);
    EXPECT_EQ(life.admitted(charge_at(life.zone, "unused", kCalendarMonth, now_ms), 0, 9), test.month == 5 ? 5 : 3);
    life.save(1000, true);
    // However far back the clock was put right: two periods later all of it is over.
    const std::int64_t later_ms = now_ms + 63 * kDayMs;
    EXPECT_EQ(life.admitted(charge_at(life.zone, "day", kCalendarDay, later_ms), 2000, 9), 5);
    EXPECT_EQ(life.admitted(charge_at(life.zone, "month", kCalendarMonth, later_ms), 2000, 9), 5);
  }
}

TEST_F(WindowKeeperTest, EndedOnesByTheCalendarAreRemoved) {
  constexpr std::int64_t kDayMs = 24 * kHour;
  Life life(store_, kWall, kMono);
  Charge charge = charge_of(life.zone, "who", 5, kCalendarDay);
  charge.wall_s = kWall / 1000;
  EXPECT_EQ(life.admitted(charge, 0, 1), 1);
  life.save(0, true);
  EXPECT_EQ(life.stored().size(), 1U);
  life.zone.tell_day(day_at((kWall + 2 * kDayMs) / 1000));
  for (int i = 0; i < 20; ++i) {
    life.save(2 * kDayMs + i * 1000);
  }
  EXPECT_EQ(life.stored().size(), 0U);
}

TEST(WindowRecordTest, OnlyWhatWasWrittenIsReadByTheCalendar) {
  WindowRecord record;
  record.tag = 77;
  record.by_calendar = true;
  record.period = Period::month;
  record.number = 684;
  record.count = 3;
  const std::string name = record_key(record), content = encode(record);
  WindowRecord found;
  ASSERT_TRUE(decode(name, content, &found));
  EXPECT_TRUE(found.by_calendar);
  EXPECT_EQ(found.period, Period::month);
  EXPECT_EQ(found.number, 684U);
  EXPECT_EQ(found.count, 3U);
  EXPECT_EQ(encode(found), content);
  for (std::size_t i = 0; i < content.size(); ++i) {
    EXPECT_FALSE(decode(name, content.substr(0, i), &found)) << i;
  }
  EXPECT_FALSE(decode(name, content + '\0', &found));
  const auto refuses = [&](const std::function<void(WindowRecord &)> &change) {
    WindowRecord changed = record;
    change(changed);
    EXPECT_FALSE(decode(record_key(changed), encode(changed), &found));
  };
  refuses([](WindowRecord &r) { r.tag = 0; });
  refuses([](WindowRecord &r) { r.count = kMaxRateCount + 1; });
  refuses([](WindowRecord &r) { r.number = 4000001; });
  refuses([](WindowRecord &r) { r.period = static_cast<Period>(2); });
}

TEST(WindowRecordTest, OnlyWhatWasWrittenIsRead) {
  WindowRecord record;
  record.tag = 77;
  record.of_address = true;
  record.window_s = 3600;
  record.sliding = true;
  record.count = 3;
  record.before = 4;
  record.end_ms = kWall;
  record.before_end_ms = kWall - kHour;
  WindowRecord found;
  ASSERT_TRUE(decode(record_key(record), encode(record), &found));
  EXPECT_EQ(encode(found), encode(record));
  EXPECT_EQ(record_key(found), record_key(record));
  const std::string name = record_key(record), content = encode(record);
  for (std::size_t i = 0; i < content.size(); ++i) {
    EXPECT_FALSE(decode(name, content.substr(0, i), &found)) << i;
  }
  EXPECT_FALSE(decode(name, content + '\0', &found));
  EXPECT_FALSE(decode(name.substr(1), content, &found));
  EXPECT_FALSE(decode(name + 'x', content, &found));
  const auto refuses = [&](const std::function<void(WindowRecord &)> &change) {
    WindowRecord changed = record;
    change(changed);
    EXPECT_FALSE(decode(record_key(changed), encode(changed), &found));
  };
  refuses([](WindowRecord &r) { r.tag = 0; });
  refuses([](WindowRecord &r) { r.window_s = 3599; });
  refuses([](WindowRecord &r) { r.window_s = kMaxWindowSeconds + 1; });
  refuses([](WindowRecord &r) { r.count = kMaxRateCount + 1; });
  refuses([](WindowRecord &r) { r.before = kMaxRateCount + 1; });
  refuses([](WindowRecord &r) { r.end_ms = std::int64_t{1} << 62; });
  refuses([](WindowRecord &r) { r.before_end_ms = r.end_ms + 1; });
  refuses([](WindowRecord &r) { r.before_end_ms = r.end_ms - 2 * kHour - 1; });
  refuses([](WindowRecord &r) { r.sliding = false; });
  // Found by t/fuzz/record_fuzz.cpp: times so far apart that their difference overflows.
  refuses([](WindowRecord &r) { r.before_end_ms = std::numeric_limits<std::int64_t>::min(); });
  refuses([](WindowRecord &r) {
    r.before = 0;
    r.before_end_ms = std::numeric_limits<std::int64_t>::min();
  });
}

}  // namespace
}  // namespace keyward::test
