// Key sets that are fetched: taking turns with the other workers, taking over what they bring, and requests that wait
// for it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "decide/deciding.hpp"
#include "jwt/key_set.hpp"
#include "jwt/verify.hpp"
#include "ngx/configuration/key_zones.hpp"
#include "ngx/nginx/ngx.hpp"
#include "ngx/nginx/ticker.hpp"
#include "ngx/nginx/watched_pool.hpp"
#include "ngx/request/waiting.hpp"

namespace keyward {

class IssuerKeys;
class UsageKeeper;

// One for each worker, on its event loop. A fetch runs in whichever worker takes the turn first; all of them look at
// shared memory once a second, and every 20 ms while a request waits.
class KeyFetching {
 public:
  // kept: where sets lie over a restart that have no file of their own.
  KeyFetching(const MainConfiguration &configuration, IssuerKeys *keys, UsageKeeper *kept, ngx_log_t *log);
  // Breaks fetches off. Who waits goes on soon, without keys.
  ~KeyFetching();
  KeyFetching(const KeyFetching &) = delete;
  KeyFetching &operator=(const KeyFetching &) = delete;

  // Before anything is decided: takes in what shared memory or a cache has, and sees to it that the rest is fetched.
  void begin();

  // Background::await_keys(), for the request: it waits, or (invalid_token) none of their sets, fetched since it came,
  // knows the token's key.
  KeysAwaited await(RequestContext *ctx, const std::vector<std::size_t> &issuers);

  // For a token whose key these issuers' sets should have (jwt::Verdict::late): begins to fetch them, unless that was
  // done for an unknown key too short a time ago. Nobody waits.
  void want(const std::vector<std::size_t> &issuers);

  // jwt::AcceptedIssuer::fetched_at_s of what this worker verifies with.
  std::int64_t fetched_at_s(std::size_t issuer, std::int64_t now_s) noexcept;

 private:
  class FetchJob;
  class ReadJob;
  struct Issuer {
    const FetchedIssuer *configured = nullptr;
    std::uint64_t generation = 0;            // of the set that was last read
    std::uint64_t ended = 0, succeeded = 0;  // attempts whose outcome is taken in
    std::int64_t fetched_ms = kNever;        // of the set in use
    bool in_use = false;
    std::uint64_t left_out_at =
        0;               // IssuerKeys::changes() when the set that was last read wasn't adopted whole; 0: it was
    bool whole = false;  // the set in use is all that the issuer published
    bool reading = false, fetching = false;  // by a thread of ours
  };

  static void on_tick(void *fetching) noexcept;
  void look_after(std::int64_t now_ms);
  bool look_at(std::size_t index, std::int64_t now_ms);
  SharedKeySet::Begin begin_fetch(std::size_t index, SharedKeySet::Why why, std::int64_t now_ms);
  void begin_reading(std::size_t index, const KeySetState &state);
  static void note_attempts(Issuer *issuer, const KeySetState &state) noexcept;
  void take(Issuer *issuer, const KeySetState &state, const std::shared_ptr<const jwt::KeySet> &keys);
  void take_for_all(const KeyZone *zone, const KeySetState &state, const std::shared_ptr<const jwt::KeySet> &keys);
  void drop_if_stale(Issuer *issuer, std::int64_t now_ms);
  void begin_with_what_is_there(Issuer *issuer);
  void load_cached(const FetchedIssuer &configured);
  void set_timer() noexcept;
  Issuer *find(std::size_t configured_issuer) noexcept;

  IssuerKeys &keys_;
  UsageKeeper &kept_;
  ngx_log_t *log_;
  std::vector<Issuer> issuers_;
  std::atomic<bool> stop_{false};
  bool running_ = false;  // threads and timer are there
  bool again_ = false;    // a request has to ask again
  WaitList waiting_;
  WatchedPool fetch_pool_, read_pool_;
  Ticker tick_;
};

}  // namespace keyward
