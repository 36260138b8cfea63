// What one worker process has open: the store, its threads, what it remembers. Made after the fork, gone with the process.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "auth/principal_cache.hpp"
#include "auth/token_cache.hpp"
#include "base/thread_pool.hpp"
#include "fetch/key_set_file.hpp"
#include "limit/zone.hpp"
#include "ngx/configuration.hpp"
#include "ngx/issuer_keys.hpp"
#include "ngx/key_fetching.hpp"
#include "ngx/ngx.hpp"
#include "ngx/pool_watch.hpp"
#include "ngx/verification.hpp"
#include "store/reader.hpp"
#include "store/usage.hpp"
#include "store/window_keeper.hpp"
#include "store/writer.hpp"

namespace keyward {

struct Worker {
  Worker(const MainConfiguration &conf, ngx_cycle_t *running_cycle);
  ~Worker();
  // Before anything is decided: settles under which secret windows are named, and sees to it that those of before a restart are there.
  // May wait for other workers, which do the same. false: names can't be settled, and nothing may be counted.
  bool begin_windows();
  // After that: takes in the keys of issuers that are there, and begins to fetch the others.
  void begin_keys();

  const MainConfiguration &configuration;
  ngx_cycle_t *cycle;
  Zone zone;

  // Read-only, unless keys of the legacy-prefix kind have to be filed anew: then this process writes as well, in a thread.
  CredentialReader &store() noexcept { return writer_ ? writer_->reader() : reader_; }

  PrincipalCache principals;
  TokenCache tokens;
  IssuerKeys issuer_keys;
  std::size_t bcrypt_concurrency;
  std::atomic<bool> closing{false};
  Verifications verifications;
  std::unique_ptr<ThreadPool> bcrypt_pool, store_pool;
  std::unique_ptr<KeyFetching> fetching;  // once begin_keys() was called

  // For candidates of legacy prefixes; started when the first one comes. nullptr: it can't be.
  ThreadPool *candidate_pool() noexcept;

  // Whether a trouble of ours may go to the log at its own level: once a second, so that nobody can flood it.
  bool may_log_trouble() noexcept {
    const bool may = last_trouble_s_ != ngx_time();
    last_trouble_s_ = ngx_time();
    return may;
  }

  // The same for what is read before its time (early_read.hpp): once in ten seconds, as it may be so for every request.
  bool may_tell_early_read() noexcept {
    const bool may = ngx_current_msec >= next_early_read_ms_;
    next_early_read_ms_ = may ? ngx_current_msec + 10000 : next_early_read_ms_;
    return may;
  }

  // A limit had no room for a window of its own.
  void note_overflow(std::string_view limit) noexcept;

  // Once a second, and at the end: hands counted uses to the store's thread.
  void flush_usage() noexcept;
  // Has the store's thread file a legacy-prefix key under its SHA-256, where its record is still the one with this seal.
  void refile_key(std::string_view id, const Digest &usage_name, const Digest &tag, const Sha256 &sha);
  // Fetched key sets over a restart, where there is a store. keep: has the store's thread write it; what fails is written at the next fetch.
  // find: only before the first request is decided; false with a sentence in error, which is empty where none is kept.
  void keep_key_set(const Sha256 &name, KeptKeySet set);
  bool find_key_set(const Sha256 &name, KeptKeySet *set, std::string *error);
  // A request met this. The log is told at once, but then it is the tick's to tell how things go on.
  void note_store_in_passing(const StoreStatus &status) noexcept;

 private:
  friend class KeySetJob;
  friend class UsageJob;
  friend class RefileJob;
  static void on_tick(ngx_event_t *event) noexcept;
  void note_store(const StoreStatus &status) noexcept;
  void open_store();
  void refresh_store();
  void note_key_set(const StoreStatus &status) noexcept;
  void note_usage(const StoreStatus &status) noexcept;
  void note_loaded(const WindowKeeper::Loaded &loaded) noexcept;

  CredentialReader reader_;
  std::unique_ptr<CredentialWriter> writer_;
  bool writer_refused_ = false;  // the log was told
  std::string store_failure_;    // what the log was last told; empty: all is well

  UsageStore usage_;      // used by store_pool's one thread only, while that runs
  WindowKeeper windows_;  // the same
  std::string usage_failure_;
  bool flushing_ = false;
  time_t last_trouble_s_ = 0;
  ngx_msec_t next_overflow_note_ms_ = 0;
  ngx_msec_t next_early_read_ms_ = 0;
  std::string key_set_failure_;
  PoolWatch bcrypt_watch_, store_watch_, candidate_watch_;
  std::unique_ptr<ThreadPool> candidate_pool_;
  ngx_event_t tick_ = {};
  ngx_connection_t tick_connection_ = {};  // what nginx's debug log looks at
};

// This process's worker; nullptr where there is none: in the master, in cache processes, and where keyward isn't configured.
Worker *worker() noexcept;

// What a handler answers where something of ours failed before there was a decision: 500, with the reason in the log (at [error] once a
// second, or there would be no end of it).
ngx_int_t internal_error(ngx_http_request_t *r, const char *why) noexcept;

// nginx's callbacks.
ngx_int_t on_init_module(ngx_cycle_t *cycle) noexcept;
ngx_int_t on_init_process(ngx_cycle_t *cycle) noexcept;
void on_exit_process(ngx_cycle_t *cycle) noexcept;

}  // namespace keyward
