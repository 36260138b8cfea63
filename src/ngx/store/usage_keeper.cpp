// Loading before the first request, writing in a thread, and the rest at the end.
#include "ngx/store/usage_keeper.hpp"

#include <array>
#include <memory>
#include <utility>

#include "base/digest.hpp"
#include "store/environment/files.hpp"
#include "store/environment/layout.hpp"

namespace keyward {
namespace {

constexpr std::size_t kQueuedJobs = 16;
constexpr std::uint64_t kFlushLockWaitMs = 200;
constexpr std::uint64_t kKeySetLockWaitMs = 1000;
// For all locks of a worker that ends; what isn't stored then is lost. Debian kills after 5 s, and a second of those
// may go to the last bcrypt runs, another one to the job that is under way.
constexpr std::uint64_t kLastLocksWaitMs = 2000;
// How long a worker may flush for all before another one may: a few seconds, so that a dead worker's turn passes on.
constexpr std::uint64_t kFlushLeaseMs = 3000;
// Times a second that a starting worker waits for another one, which names windows or takes them in.
constexpr int kWindowTries = 20;

// By nginx's cached clocks, which are read at one time.
Moment moment_of_nginx() noexcept {
  const ngx_time_t *wall = ngx_timeofday();
  return {ngx_current_msec, static_cast<std::int64_t>(wall->sec) * 1000 + static_cast<std::int64_t>(wall->msec)};
}

}  // namespace

// Stores the balances that have changed, a batch of use counts, and the windows that have changed; counts that can't be
// stored go back to shared memory. Touches the usage store and the zone, and nothing of nginx's, until it finishes.
class UsageKeeper::FlushJob final : public Job {
 public:
  FlushJob(UsageKeeper &owner, bool last)  // last: this process comes to its end
      : owner_(owner),
        moment_(moment_of_nginx()),
        last_(last),
        budget_(last ? WaitBudget(kLastLocksWaitMs, kLastLocksWaitMs) : WaitBudget(kFlushLockWaitMs)) {}

  void run() noexcept override {
    try {
      const std::lock_guard<std::mutex> lock(owner_.mutex_);
      const StoreStatus credits = owner_.credits_.save(moment_, last_, budget_, &loaded_credits_);
      status_ = store_counts();
      status_ = status_.ok() ? owner_.windows_.save(moment_, last_, budget_, &loaded_) : status_;
      status_ = status_.ok() ? credits : status_;
    } catch (...) {
      status_ = {StoreCode::io, std::string()};
    }
  }

  void finish() noexcept override {
    owner_.flushing_ = false;
    owner_.note_loaded(loaded_);
    owner_.note_loaded(loaded_credits_);
    owner_.note_flush(status_);
  }

 private:
  StoreStatus store_counts() {
    KeySlots &keys = *owner_.zone_->keys;
    std::array<UsageDelta, 512> batch;
    std::size_t count = keys.drain(batch.data(), batch.size());
    if (count == 0) {
      return {};
    }
    StoreStatus status = owner_.windows_.ready();
    // Not for ever under steady traffic: what comes meanwhile is the next second's.
    for (std::size_t rounds = keys.stats().used / batch.size() + 1; count != 0 && rounds != 0; --rounds) {
      if (status.ok()) {
        status = owner_.usage_.add(batch.data(), count, budget_.left_ms());
      }
      if (!status.ok()) {
        for (std::size_t i = 0; i < count; ++i) {
          if (!keys.put_back(batch[i])) {
            owner_.zone_->count_lost_usage();
          }
        }
        return status;
      }
      count = rounds > 1 ? keys.drain(batch.data(), batch.size()) : 0;
    }
    return status;
  }

  UsageKeeper &owner_;
  const Moment moment_;
  const bool last_;
  const WaitBudget budget_;
  StoreStatus status_;
  WindowKeeper::Loaded loaded_;
  CreditKeeper::Loaded loaded_credits_;
};

class UsageKeeper::KeySetJob final : public Job {
 public:
  KeySetJob(UsageKeeper &owner, const Sha256 &name, KeptKeySet set)
      : owner_(owner), name_(name), set_(std::move(set)) {}

  void run() noexcept override {
    try {
      const std::lock_guard<std::mutex> lock(owner_.mutex_);
      status_ = owner_.windows_.ready();
      status_ = status_.ok() ? owner_.usage_.put_key_set(name_, pack_key_set(set_), kKeySetLockWaitMs) : status_;
    } catch (...) {
      status_ = {StoreCode::io, "out of memory"};
    }
  }

  void finish() noexcept override { owner_.note_key_set(status_); }

 private:
  UsageKeeper &owner_;
  const Sha256 name_;
  const KeptKeySet set_;
  StoreStatus status_;
};

UsageKeeper::UsageKeeper(const MainConfiguration &conf, Zone *zone, ngx_log_t *log)
    : configuration_(conf),
      zone_(zone),
      log_(log),
      windows_(zone, &usage_, conf.store, conf.usage_map_bytes != 0 ? conf.usage_map_bytes : kDefaultMapBytes),
      credits_(zone, &usage_, &windows_) {}

bool UsageKeeper::start() noexcept { return thread_.start(1, kQueuedJobs, "keyward store", log_); }

bool UsageKeeper::begin_windows() {
  DigestKey of_store = {};
  StoreStatus status;
  if (has_store()) {
    Bytes<kSecretBytes> secret = {};
    SecretStamp stamp;
    status = read_secret(secret_file(configuration_.store), &secret, &stamp);
    of_store = Seal(secret).window_key();
    wipe(secret.data(), secret.size());
  }
  const bool known = has_store() && status.ok();
  bool settled = false;
  for (int tries = kWindowTries; !settled && tries > 0; --tries) {
    settled = zone_->settle_secret(known ? &of_store : nullptr);
  }
  wipe(of_store.data(), of_store.size());
  if (!settled || !has_store()) {
    return settled;
  }
  if (zone_->has_store_secret()) {
    load_windows();
    load_credits();
  } else {
    ngx_log_error(NGX_LOG_WARN, log_, 0,
                  "keyward: limits will start from zero at the next start of nginx, as the zone was made without the "
                  "store's secret%s%s",
                  status.ok() ? "" : ": ", status.text.c_str());
  }
  return true;
}

void UsageKeeper::load_windows() {
  WindowKeeper::Loaded loaded;
  StoreStatus status = {StoreCode::busy, std::string()};
  for (int tries = kWindowTries; status.code == StoreCode::busy && tries > 0; --tries) {
    ngx_time_update();
    status = windows_.load(moment_of_nginx(), &loaded);
  }
  note_loaded(loaded);
  if (!status.ok()) {
    ngx_log_error(NGX_LOG_ERR, log_, 0,
                  "keyward: can't read the stored windows of limits, so limits start from zero: %s",
                  status.text.c_str());
  }
}

void UsageKeeper::load_credits() {
  CreditKeeper::Loaded loaded;
  StoreStatus status = {StoreCode::busy, std::string()};
  for (int tries = kWindowTries; status.code == StoreCode::busy && tries > 0; --tries) {
    ngx_time_update();
    status = credits_.load(moment_of_nginx(), &loaded);
  }
  note_loaded(loaded);
  if (!status.ok()) {
    ngx_log_error(NGX_LOG_ERR, log_, 0,
                  "keyward: can't read the stored balances, so requests that cost credits get 503: %s",
                  status.text.c_str());
  }
}

void UsageKeeper::flush() noexcept {
  if (flushing_ || !thread_ ||
      !zone_->take_flush_lease(static_cast<std::int32_t>(ngx_pid), ngx_current_msec, kFlushLeaseMs)) {
    return;
  }
  guarded(false, [&] {
    std::unique_ptr<Job> job = std::make_unique<FlushJob>(*this, false);
    flushing_ = thread_->post(job);
    return true;
  });
}

void UsageKeeper::store_the_rest() {
  if (has_store()) {
    FlushJob last(*this, true);
    last.run();
    last.finish();
  }
}

void UsageKeeper::keep_key_set(const Sha256 &name, KeptKeySet set) {
  if (thread_) {
    std::unique_ptr<Job> job = std::make_unique<KeySetJob>(*this, name, std::move(set));
    thread_->post(job);  // a full queue: at the next fetch
  }
}

bool UsageKeeper::find_key_set(const Sha256 &name, KeptKeySet *set, std::string *error) {
  error->clear();
  if (!has_store()) {
    return false;
  }
  std::string packed;
  StoreStatus status = windows_.ready();
  status = status.ok() ? usage_.find_key_set(name, &packed) : status;
  if (status.ok() && take_key_set(packed, set)) {
    return true;
  }
  *error = status.ok() ? "what the store holds is not a key set" : status.text;  // none for not_found
  return false;
}

UsageRecord UsageKeeper::find_usage(const Digest &usage_name) {
  const std::lock_guard<std::mutex> lock(mutex_);
  UsageRecord record;
  if (!windows_.ready().ok() || usage_.find(usage_name, &record) != StoreCode::ok) {
    record = {};
  }
  return record;
}

void UsageKeeper::note_loaded(const WindowKeeper::Loaded &loaded) noexcept {
  if (loaded.windows != 0) {
    ngx_log_error(NGX_LOG_NOTICE, log_, 0, "keyward: restored %uL windows of limits",
                  static_cast<std::uint64_t>(loaded.windows));
  }
  if (loaded.damaged != 0) {
    ngx_log_error(NGX_LOG_ERR, log_, 0, "keyward: %uL stored windows of limits are damaged and start from zero",
                  static_cast<std::uint64_t>(loaded.damaged));
  }
  if (loaded.no_room != 0) {
    ngx_log_error(NGX_LOG_WARN, log_, 0,
                  "keyward: %uL stored windows of limits don't fit into the zone; make keyward_zone larger",
                  static_cast<std::uint64_t>(loaded.no_room));
  }
}

void UsageKeeper::note_loaded(const CreditKeeper::Loaded &loaded) noexcept {
  if (loaded.damaged != 0) {
    ngx_log_error(NGX_LOG_ERR, log_, 0,
                  "keyward: %uL stored balances are damaged and are empty until they are refilled or set",
                  static_cast<std::uint64_t>(loaded.damaged));
  }
  if (loaded.no_room != 0) {
    ngx_log_error(NGX_LOG_ERR, log_, 0,
                  "keyward: %uL stored balances don't fit into the zone, so requests that cost credits get 503 where "
                  "their balance isn't there; make keyward_zone larger",
                  static_cast<std::uint64_t>(loaded.no_room));
  }
}

void UsageKeeper::note_flush(const StoreStatus &status) noexcept {
  guarded(false, [&] {
    if (flush_failure_.becomes(status.text) && !status.ok()) {
      ngx_log_error(NGX_LOG_ERR, log_, 0, "keyward: can't store use counts, windows and balances, will try again: %s",
                    status.text.c_str());
    }
    return true;
  });
}

void UsageKeeper::note_key_set(const StoreStatus &status) noexcept {
  guarded(false, [&] {
    if (key_set_failure_.becomes(status.text) && !status.ok()) {
      ngx_log_error(NGX_LOG_ERR, log_, 0, "keyward: can't cache fetched keys in the store: %s", status.text.c_str());
    }
    return true;
  });
}

}  // namespace keyward
