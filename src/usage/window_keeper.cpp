// Loading once, saving what changed, removing what has ended.
#include "usage/window_keeper.hpp"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "store/environment/failure.hpp"

namespace keyward {

namespace {

// In one transaction: 64 KB of memory.
constexpr std::size_t kBatch = 1024;
// Of each table in one go: 64 MB, 10 ms of a thread.
constexpr std::uint64_t kBucketsPerSave = 131072;
// One in so many looks for records that have ended, at this many of them.
constexpr unsigned kSavesPerPrune = 8;
constexpr std::size_t kPrunedAtOnce = 8192;
constexpr int kLastTries = 2;  // of a second each

WindowTable *share_of(const Zone &zone, bool of_address) noexcept {
  return of_address ? zone.addresses : zone.principals;
}

}  // namespace

WindowKeeper::WindowKeeper(Zone *zone, UsageStore *usage, std::string folder, std::size_t map_bytes)
    : zone_(zone), usage_(usage), folder_(std::move(folder)), map_bytes_(map_bytes) {}

StoreStatus WindowKeeper::ready() {
  return usage_->is_open() ? usage_->refresh() : usage_->open(folder_, false, map_bytes_);
}

StoreStatus WindowKeeper::load(const Moment &moment, Loaded *loaded) {
  *loaded = {};
  if (!zone_->has_store_secret() || zone_->windows_loaded()) {
    return {};
  }
  const SharedLock lock(&zone_->transfer());
  return lock ? load_locked(moment, loaded) : failure(StoreCode::busy, "another process reads the windows of limits");
}

StoreStatus WindowKeeper::load_locked(const Moment &moment, Loaded *loaded) {
  if (zone_->windows_loaded()) {
    return {};
  }
  StoreStatus status = ready();
  const bool read_only = !status.ok() && status.code != StoreCode::missing && usage_->open(folder_, true, 0).ok();
  status = read_only ? StoreStatus() : status;
  if (status.ok()) {
    status = usage_->for_each_window(
        [&](const WindowRecord &record) {
          const CarriedWindow window = to_carried(record, moment.wall_ms);
          const bool open = window.ahead_ms + (window.sliding ? std::int64_t{window.window_s} * 1000 : 0) > 0;
          loaded->windows += open ? 1U : 0U;
          loaded->no_room += share_of(*zone_, record.of_address)->take_in(window, moment.now_ms) ? 0U : 1U;
        },
        [&](std::string_view) { ++loaded->damaged; });
  }
  if (read_only) {
    usage_->close();
  }
  if (status.ok() || status.code == StoreCode::missing) {
    zone_->set_windows_loaded();
    loaded->by_us = true;
    return {};
  }
  return status;
}

StoreStatus WindowKeeper::save(const Moment &moment, bool last, const WaitBudget &budget, Loaded *loaded) {
  *loaded = {};
  if (!zone_->has_store_secret() || zone_->retired()) {
    return {};
  }
  for (int tries = last ? kLastTries : 1; tries > 0 && budget.left_ms() != 0; --tries) {
    if (const SharedLock lock(&zone_->transfer(), last); lock) {
      const StoreStatus status = load_locked(moment, loaded);
      return status.ok() ? save_locked(moment, last, budget) : status;
    }
  }
  return last ? failure(StoreCode::busy, "another process stores the windows of limits") : StoreStatus();
}

StoreStatus WindowKeeper::save_locked(const Moment &moment, bool last, const WaitBudget &budget) {
  StoreStatus status = ready();
  // What a restart found ahead of the clock, or what isn't in the zone any more, is put right by prune().
  Moment settled = moment;
  settled.wall_ms = zone_->settle_wall(moment.wall_ms - static_cast<std::int64_t>(moment.now_ms)) +
                    static_cast<std::int64_t>(moment.now_ms);
  for (const bool of_address : {false, true}) {
    status = status.ok() ? save_share(settled, of_address, last, budget) : status;
  }
  return status.ok() && saves_++ % kSavesPerPrune == 0 ? prune(settled, budget) : status;
}

StoreStatus WindowKeeper::save_share(const Moment &moment, bool of_address, bool last, const WaitBudget &budget) {
  WindowTable *table = share_of(*zone_, of_address);
  std::uint64_t &bucket = next_bucket_[of_address ? 1 : 0];
  bucket = last || bucket >= table->buckets() ? 0 : bucket;
  const std::uint64_t end = last ? table->buckets() : std::min(bucket + kBucketsPerSave, table->buckets());
  CarryWanted wanted;
  wanted.min_window_s = kMinKeptWindowSeconds;
  wanted.unsaved = true;
  // Another environment has nothing yet, and by another clock every end is another.
  const Bytes<16> instance = usage_->instance();
  std::memcpy(&wanted.epoch, instance.data(), sizeof(wanted.epoch));
  wanted.epoch ^= moment.wall_ms - static_cast<std::int64_t>(moment.now_ms);
  std::vector<CarriedWindow> windows(kBatch);
  std::vector<WindowRecord> records;
  StoreStatus status;
  while (status.ok() && bucket < end) {
    const std::uint64_t begin = bucket;
    const std::size_t count = table->carry(&bucket, end, wanted, moment.now_ms, windows.data(), windows.size());
    records.clear();
    for (std::size_t i = 0; i < count; ++i) {
      records.push_back(to_record(windows[i], of_address, moment.wall_ms));
    }
    status = usage_->put_windows(records.data(), records.size(), budget.left_ms());
    if (status.ok()) {
      table->note_saved(windows.data(), count);
    } else {
      bucket = begin;
    }
  }
  return status;
}

StoreStatus WindowKeeper::prune(const Moment &moment, const WaitBudget &budget) {
  const auto still_open = [&](WindowRecord *record) {
    CarriedWindow window;
    if (!share_of(*zone_, record->of_address)->find_open(record->tag, record->overflow, moment.now_ms, &window) ||
        window.window_s < kMinKeptWindowSeconds) {
      return false;
    }
    *record = to_record(window, record->of_address, moment.wall_ms);
    return true;
  };
  return usage_->prune_windows(&pruned_, kPrunedAtOnce, moment.wall_ms, still_open, budget.left_ms());
}

}  // namespace keyward
