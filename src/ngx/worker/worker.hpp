// What one worker process has open: the store, its threads, what it remembers. Made after the fork, gone with the
// process.
#pragma once

#include <atomic>
#include <memory>

#include "auth/identity_tokens.hpp"
#include "auth/principal_cache.hpp"
#include "auth/token_cache.hpp"
#include "base/throttle.hpp"
#include "limit/zone.hpp"
#include "ngx/configuration/configuration.hpp"
#include "ngx/issuers/issuer_keys.hpp"
#include "ngx/issuers/key_fetching.hpp"
#include "ngx/nginx/ngx.hpp"
#include "ngx/nginx/ticker.hpp"
#include "ngx/nginx/watched_pool.hpp"
#include "ngx/store/credential_store.hpp"
#include "ngx/store/usage_keeper.hpp"
#include "ngx/worker/api_runs.hpp"
#include "ngx/worker/signature_check.hpp"
#include "ngx/worker/verification.hpp"

namespace keyward {

struct Worker {
  Worker(const MainConfiguration &conf, ngx_cycle_t *running_cycle);
  ~Worker();
  // Before anything is decided. false: see UsageKeeper::begin_windows().
  bool begin_windows() { return usage_.begin_windows(); }
  // After that: takes in the keys of issuers that are there, and begins to fetch the others.
  void begin_keys();

  const MainConfiguration &configuration;
  ngx_cycle_t *cycle;
  Zone zone;

  CredentialReader &store() noexcept { return credentials_.reader(); }

  PrincipalCache principals;
  TokenCache tokens;
  IdentityTokens identity_tokens;
  IssuerKeys issuer_keys;
  std::size_t bcrypt_concurrency;
  std::atomic<bool> closing{false};
  Verifications verifications;
  WatchedPool bcrypt_pool;
  SignatureBudget signatures;
  SignatureRuns signature_runs;
  ApiRuns api_runs;
  std::unique_ptr<KeyFetching> fetching;  // once begin_keys() was called

  // For threads of the keys API. nullptr: the store can't be changed.
  CredentialWriter *writer() noexcept { return credentials_.writer(); }
  UsageRecord find_usage(const Digest &usage_name) { return usage_.find_usage(usage_name); }

  // For candidates of legacy prefixes; started when the first one comes. nullptr: it can't be.
  ThreadPool *candidate_pool() noexcept;

  // Whether a trouble of ours may go to the log at its own level: once a second, so that nobody can flood it.
  bool may_log_trouble() noexcept { return troubles_.admits(ngx_current_msec); }
  // The same for what is read before its time (early_read.hpp), as it may be so for every request.
  bool may_tell_early_read() noexcept { return early_reads_.admits(ngx_current_msec); }
  // A limit had no room for a window of its own.
  void note_overflow(std::string_view limit) noexcept;
  // Requests at once could not be counted.
  void note_no_place() noexcept;
  // No credits could be taken.
  void note_no_credits(CreditResult::Outcome outcome) noexcept;
  // A request met this.
  void note_store_in_passing(const StoreStatus &status) noexcept { credentials_.note_in_passing(status); }

  // Has a thread file a legacy-prefix key under its SHA-256, where its record is still the one with this seal.
  void refile_key(std::string_view id, const Digest &usage_name, const Digest &tag, const Sha256 &sha) {
    credentials_.refile(id, usage_name, tag, sha);
  }

 private:
  static void on_tick(void *worker) noexcept;
  void begin_store();
  // Windows by the calendar know what day it is also where nobody charges one.
  void tell_day() noexcept;

  ConcurrencyTable::Member member_;
  CredentialStore credentials_;
  UsageKeeper usage_;
  WatchedPool candidate_pool_;
  std::uint32_t told_day_ = 0;
  Throttle troubles_{1000}, early_reads_{10000}, overflows_{60000};
  Ticker tick_;
};

// This process's worker; nullptr where there is none: in the master, in cache processes, and where keyward isn't
// configured.
Worker *worker() noexcept;

// What a handler answers where something of ours failed before there was a decision: 500, with the reason in the log
// (at [error] once a second, or there would be no end of it).
ngx_int_t internal_error(ngx_http_request_t *r, const char *why) noexcept;

// nginx's callbacks.
ngx_int_t on_init_module(ngx_cycle_t *cycle) noexcept;
ngx_int_t on_init_process(ngx_cycle_t *cycle) noexcept;
void on_exit_process(ngx_cycle_t *cycle) noexcept;

}  // namespace keyward
