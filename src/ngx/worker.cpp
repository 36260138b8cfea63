// Opening what a worker needs after the fork, looking after it once a second, and closing it.
#include "ngx/worker.hpp"

#include <algorithm>

#include "base/digest.hpp"
#include "ngx/store_jobs.hpp"
#include "store/files.hpp"
#include "store/layout.hpp"

namespace keyward {
namespace {

constexpr ngx_msec_t kTickMs = 1000;
// How long a worker may flush for all before another one may: a few ticks, so that a dead worker's turn passes on.
constexpr std::uint64_t kFlushLeaseMs = 3000;
// Whoever shares a processor with a run waits for it the less, the nicer it is: the p99 of known keys beside a storm of new ones was 4 times
// what it was without at 10, 3.6 times at 15, and 1.6 times at 19. Where the processors never rest, a run has a seventieth of one.
constexpr int kBcryptNiceness = 19;
// Runs that no thread has taken yet, for each thread: two seconds of work at cost 10. What is beyond gets 503 at once.
constexpr std::size_t kQueuePerThread = 32;
// Threads and queue of candidates are such a part of that.
constexpr std::size_t kCandidatesPart = 4;
// About 600 bytes each where a principal has scopes and limits; a set of these is what a busy edge sees in a minute.
constexpr std::size_t kPrincipals = 16384;
constexpr std::size_t kTokens = 8192;
// For tokens, and for principals of keys: so that all of the usual ones find room, and long lists of scopes don't take
// the machine. docs/performance.md has both numbers.
constexpr std::size_t kRememberedBytes = 32U << 20;
// Times a second that a starting worker waits for another one, which names windows or takes them in.
constexpr int kWindowTries = 20;

std::unique_ptr<Worker> the_worker;

}  // namespace

Worker::Worker(const MainConfiguration &conf, ngx_cycle_t *running_cycle)
    : configuration(conf),
      cycle(running_cycle),
      zone(conf.zone),
      principals(kPrincipals, kRememberedBytes),
      tokens(conf.issuers.empty() ? 0 : kTokens, kRememberedBytes),
      issuer_keys(conf, running_cycle->log),
      bcrypt_concurrency(conf.bcrypt_concurrency),
      windows_(&zone, &usage_, conf.store, conf.usage_map_bytes != 0 ? conf.usage_map_bytes : kDefaultMapBytes) {
  if (!configuration.store.empty()) {
    open_store();
  }
  if (configuration.store.empty() && configuration.issuers.empty()) {
    return;
  }
  // What the master loaded may be long out of date where this worker takes the place of one that died.
  issuer_keys.refresh();
  tick_connection_.fd = static_cast<ngx_socket_t>(-1);
  tick_connection_.data = this;
  tick_.data = &tick_connection_;
  tick_.handler = on_tick;
  tick_.log = cycle->log;
  tick_.cancelable = 1;
  ngx_add_timer(&tick_, kTickMs);
}

void Worker::open_store() {
  note_store(reader_.open(configuration.store));

  bcrypt_pool =
      ThreadPool::create(bcrypt_concurrency, bcrypt_concurrency * kQueuePerThread, "keyward bcrypt", kBcryptNiceness);
  store_pool = ThreadPool::create(1, 16, "keyward store");
  if (!bcrypt_pool || !store_pool || !bcrypt_watch_.begin(bcrypt_pool.get(), cycle->log) ||
      !store_watch_.begin(store_pool.get(), cycle->log)) {
    // Keys that aren't proven yet get 503; never bcrypt on the event loop.
    ngx_log_error(NGX_LOG_ERR, cycle->log, ngx_errno,
                  "keyward: can't start threads; keys that weren't seen yet are refused with 503");
    bcrypt_watch_.end();
    store_watch_.end();
    bcrypt_pool.reset();
    store_pool.reset();
  }

  refresh_store();
}

ThreadPool *Worker::candidate_pool() noexcept {
  if (candidate_pool_ || !bcrypt_pool) {
    return candidate_pool_.get();
  }
  const std::size_t threads = std::max<std::size_t>(1, bcrypt_concurrency / kCandidatesPart);
  const std::size_t queue = bcrypt_concurrency * kQueuePerThread / kCandidatesPart;
  candidate_pool_ = ThreadPool::create(threads, queue, "keyward old", kBcryptNiceness);
  if (!candidate_pool_ || !candidate_watch_.begin(candidate_pool_.get(), cycle->log)) {
    if (may_log_trouble()) {
      ngx_log_error(NGX_LOG_ERR, cycle->log, ngx_errno,
                    "keyward: can't start threads; keys that are known by a plain prefix only are refused with 503");
    }
    if (candidate_pool_) {
      candidate_watch_.end();
    }
    candidate_pool_.reset();
  }
  return candidate_pool_.get();
}

Worker::~Worker() {
  closing = true;
  if (tick_.timer_set) {
    ngx_del_timer(&tick_);
  }
  fetching.reset();
  if (bcrypt_pool) {
    bcrypt_watch_.end();
    bcrypt_pool.reset();
  }
  if (candidate_pool_) {
    candidate_watch_.end();
    candidate_pool_.reset();
  }
  abandon_runs(&verifications);
  if (store_pool) {
    store_watch_.end();
    store_pool.reset();
  }
  if (!configuration.store.empty()) {
    UsageJob last(*this, true);
    last.run();
    last.finish();
  }
}

bool Worker::begin_windows() {
  DigestKey of_store = {};
  StoreStatus status;
  if (!configuration.store.empty()) {
    Bytes<kSecretBytes> secret = {};
    SecretStamp stamp;
    status = read_secret(secret_file(configuration.store), &secret, &stamp);
    of_store = Seal(secret).window_key();
    wipe(secret.data(), secret.size());
  }
  const bool known = !configuration.store.empty() && status.ok();
  bool settled = false;
  for (int tries = kWindowTries; !settled && tries > 0; --tries) {
    settled = zone.settle_secret(known ? &of_store : nullptr);
  }
  wipe(of_store.data(), of_store.size());
  if (!settled || configuration.store.empty()) {
    return settled;
  }
  if (!zone.has_store_secret()) {
    ngx_log_error(NGX_LOG_WARN, cycle->log, 0,
                  "keyward: limits count from nothing after the next start of nginx, as the zone was made without the "
                  "store's secret%s%s",
                  status.ok() ? "" : ": ", status.text.c_str());
    return true;
  }
  WindowKeeper::Loaded loaded;
  status = {StoreCode::busy, std::string()};
  for (int tries = kWindowTries; status.code == StoreCode::busy && tries > 0; --tries) {
    ngx_time_update();
    status = windows_.load(moment_of_nginx(), &loaded);
  }
  note_loaded(loaded);
  if (!status.ok()) {
    ngx_log_error(NGX_LOG_ERR, cycle->log, 0,
                  "keyward: can't read the windows that limits had before, so that they count from nothing: %s",
                  status.text.c_str());
  }
  return true;
}

void Worker::begin_keys() {
  fetching = std::make_unique<KeyFetching>(*this);
  fetching->begin();
}

void Worker::keep_key_set(const Sha256 &name, KeptKeySet set) {
  if (store_pool) {
    std::unique_ptr<Job> job = std::make_unique<KeySetJob>(*this, name, std::move(set));
    store_pool->post(job);  // a full queue: at the next fetch
  }
}

bool Worker::find_key_set(const Sha256 &name, KeptKeySet *set, std::string *error) {
  error->clear();
  if (configuration.store.empty()) {
    return false;
  }
  std::string packed;
  StoreStatus status = windows_.ready();
  status = status.ok() ? usage_.find_key_set(name, &packed) : status;
  if (status.ok() && take_key_set(packed, set)) {
    return true;
  }
  *error = status.ok() ? "what is kept in the store is no key set" : status.text;  // none for not_found
  return false;
}

void Worker::note_key_set(const StoreStatus &status) noexcept {
  guarded(false, [&] {
    if (!status.ok() && status.text != key_set_failure_) {
      ngx_log_error(NGX_LOG_ERR, cycle->log, 0, "keyward: can't keep fetched keys in the store: %s",
                    status.text.c_str());
    }
    key_set_failure_ = status.ok() ? std::string() : status.text;
    return true;
  });
}

void Worker::flush_usage() noexcept {
  if (flushing_ || !store_pool ||
      !zone.take_flush_lease(static_cast<std::int32_t>(ngx_pid), ngx_current_msec, kFlushLeaseMs)) {
    return;
  }
  guarded(false, [&] {
    std::unique_ptr<Job> job = std::make_unique<UsageJob>(*this, false);
    flushing_ = store_pool->post(job);
    return true;
  });
}

void Worker::refile_key(std::string_view id, const Digest &usage_name, const Digest &tag, const Sha256 &sha) {
  if (writer_ && store_pool) {
    std::unique_ptr<Job> job = std::make_unique<RefileJob>(*this, id, usage_name, tag, sha);
    store_pool->post(job);  // a full queue: at its next use
  }
}

// Looks after the files, and opens them for writing once there are keys that have to be filed anew.
void Worker::refresh_store() {
  StoreStatus status = store().refresh();
  if (status.ok() && !writer_ && store_pool) {
    bool legacy = false;
    status = reader_.begin();
    if (status.ok()) {
      legacy = reader_.legacy_prefix_lengths() != 0;
      reader_.end();
    }
    if (legacy && !writer_refused_) {
      // LMDB must not be open twice in one process: the one closes before the other opens.
      reader_.close();
      auto writer = std::make_unique<CredentialWriter>();
      const StoreStatus opened = writer->open(configuration.store);
      if (opened.ok()) {
        writer_ = std::move(writer);
      } else {
        writer.reset();
        writer_refused_ = true;
        ngx_log_error(NGX_LOG_WARN, cycle->log, 0,
                      "keyward: keys with a plain prefix can't be filed under their SHA-256, which makes each look-up "
                      "of them slow: %s",
                      opened.text.c_str());
        status = reader_.open(configuration.store);
      }
    }
  }
  note_store(status);
}

void Worker::note_store(const StoreStatus &status) noexcept {
  guarded(false, [&] {
    if (status.ok() && !store_failure_.empty()) {
      ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0, "keyward: the store is readable again");
    } else if (!status.ok() && status.text != store_failure_) {
      ngx_log_error(NGX_LOG_ERR, cycle->log, 0, "keyward: %s; requests with keys and tokens get 503 meanwhile",
                    status.text.c_str());
    }
    store_failure_ = status.ok() ? std::string() : status.text;
    return true;
  });
}

void Worker::note_overflow(std::string_view limit) noexcept {
  // Monotonic: a clock that steps back must not keep this quiet.
  if (ngx_current_msec < next_overflow_note_ms_) {
    return;
  }
  next_overflow_note_ms_ = ngx_current_msec + 60000;
  const ngx_str_t name = borrow(limit);
  ngx_log_error(NGX_LOG_WARN, cycle->log, 0,
                "keyward: the zone is full: newcomers of limit \"%V\" share one window of ten times its rate; make "
                "keyward_zone larger",
                &name);
}

void Worker::note_store_in_passing(const StoreStatus &status) noexcept {
  if (store_failure_.empty()) {
    note_store(status);
  }
}

void Worker::note_usage(const StoreStatus &status) noexcept {
  guarded(false, [&] {
    if (!status.ok() && status.text != usage_failure_) {
      ngx_log_error(NGX_LOG_ERR, cycle->log, 0, "keyward: can't store use counts and windows, will try again: %s",
                    status.text.c_str());
    }
    usage_failure_ = status.ok() ? std::string() : status.text;
    return true;
  });
}

void Worker::note_loaded(const WindowKeeper::Loaded &loaded) noexcept {
  if (loaded.windows != 0) {
    ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0, "keyward: restored %uL windows of limits",
                  static_cast<std::uint64_t>(loaded.windows));
  }
  if (loaded.damaged != 0) {
    ngx_log_error(NGX_LOG_ERR, cycle->log, 0,
                  "keyward: %uL stored windows of limits are damaged, and count from nothing",
                  static_cast<std::uint64_t>(loaded.damaged));
  }
  if (loaded.no_room != 0) {
    ngx_log_error(NGX_LOG_WARN, cycle->log, 0,
                  "keyward: %uL stored windows of limits found no room; make keyward_zone larger",
                  static_cast<std::uint64_t>(loaded.no_room));
  }
}

void Worker::on_tick(ngx_event_t *event) noexcept {
  auto *self = static_cast<Worker *>(static_cast<ngx_connection_t *>(event->data)->data);
  self->issuer_keys.refresh();
  if (!self->configuration.store.empty()) {
    guarded(false, [&] {
      self->refresh_store();
      return true;
    });
    self->flush_usage();
  }
  ngx_add_timer(event, kTickMs);
}

Worker *worker() noexcept { return the_worker.get(); }

ngx_int_t internal_error(ngx_http_request_t *r, const char *why) noexcept {
  const ngx_uint_t level = the_worker && !the_worker->may_log_trouble() ? NGX_LOG_INFO : NGX_LOG_ERR;
  ngx_log_error(level, r->connection->log, 0, "keyward answers 500: %s", why);
  r->error_page = 1;  // final: nobody has decided about what an error page would hand on
  return NGX_HTTP_INTERNAL_SERVER_ERROR;
}

ngx_int_t on_init_module(ngx_cycle_t *cycle) noexcept {
  // A single process that reloads goes on without init_process: between two events, and while the old zone is still there.
  if (ngx_process == NGX_PROCESS_SINGLE && the_worker && on_init_process(cycle) != NGX_OK) {
    the_worker.reset();  // requests get 500 then
  }
  // The new configuration is in force from here on. The replaced zone is still there.
  MainConfiguration *conf = cycle->conf_ctx != nullptr ? main_configuration(cycle) : nullptr;
  if (conf != nullptr && conf->replaced) {
    conf->replaced->retire();
    conf->replaced.reset();
  }
  return NGX_OK;
}

ngx_int_t on_init_process(ngx_cycle_t *cycle) noexcept {
  // Not in cache processes, which have nothing to decide: LMDB is opened by workers only.
  if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE) {
    return NGX_OK;
  }
  return guarded(static_cast<ngx_int_t>(NGX_ERROR), [&]() -> ngx_int_t {
    the_worker.reset();
    const MainConfiguration *conf = main_configuration(cycle);
    if (conf == nullptr || conf->shm_zone == nullptr) {
      return NGX_OK;
    }
    if (!init_crypto()) {
      ngx_log_error(NGX_LOG_ALERT, cycle->log, 0, "keyward: libsodium can't be used");
      return NGX_ERROR;
    }
    the_worker = std::make_unique<Worker>(*conf, cycle);
    if (!the_worker->begin_windows()) {
      the_worker.reset();
      ngx_log_error(
          NGX_LOG_ALERT, cycle->log, 0,
          "keyward: another process was stopped while it prepared the zone; this worker answers 500: restart nginx");
      return NGX_OK;
    }
    the_worker->begin_keys();
    return NGX_OK;
  });
}

void on_exit_process(ngx_cycle_t * /*cycle*/) noexcept { the_worker.reset(); }

}  // namespace keyward
