// What is due is begun, what has ended is taken in, and whoever waits is woken for either.
#include "ngx/issuers/key_fetching.hpp"

#include <algorithm>

#include "base/time_text.hpp"
#include "fetch/key_set_file.hpp"
#include "ngx/issuers/issuer_keys.hpp"
#include "ngx/issuers/key_fetching_jobs.hpp"
#include "ngx/store/usage_keeper.hpp"

namespace keyward {
namespace {

constexpr ngx_msec_t kTickMs = 1000;
constexpr ngx_msec_t kWaitingTickMs = 20;
// The longest that a request waits for keys, and how many of a worker may.
constexpr std::int64_t kMaxWaitMs = 2000;
constexpr std::size_t kMaxWaiting = 256;
// At once; further issuers' fetches queue.
constexpr std::size_t kMaxThreads = 8;
static_assert(kNever == jwt::kNeverFetched);

}  // namespace

KeyFetching::KeyFetching(const MainConfiguration &configuration, IssuerKeys *keys, UsageKeeper *kept, ngx_log_t *log)
    : keys_(*keys), kept_(*kept), log_(log), tick_(on_tick, this, log) {
  for (const FetchedIssuer &configured : configuration.fetched) {
    Issuer issuer;
    issuer.configured = &configured;
    issuers_.push_back(issuer);
  }
}

KeyFetching::~KeyFetching() {
  stop_ = true;
  tick_.stop();
  fetch_pool_.stop();
  read_pool_.stop();
  release_all(&waiting_);
}

void KeyFetching::begin() {
  if (issuers_.empty()) {
    return;
  }
  if (!init_fetching() ||
      !fetch_pool_.start(std::min(issuers_.size(), kMaxThreads), issuers_.size(), "keyward fetch", log_) ||
      !read_pool_.start(1, issuers_.size(), "keyward keys", log_)) {
    ngx_log_error(NGX_LOG_ERR, log_, ngx_errno,
                  "keyward: can't start threads; key sets can't be fetched, so their issuers' tokens get 503");
    fetch_pool_.stop();
    return;
  }
  running_ = true;
  for (Issuer &issuer : issuers_) {
    // Where memory is refused, a thread reads it later.
    guarded(false, [&] {
      begin_with_what_is_there(&issuer);
      return true;
    });
  }
  look_after(moment_ms());
}

// Here and now: a reload must not make anybody wait for keys that are there.
void KeyFetching::begin_with_what_is_there(Issuer *issuer) {
  const FetchedIssuer &configured = *issuer->configured;
  if (issuer->generation != 0) {
    return;  // another issuer's of the same place
  }
  if (configured.zone->set->state().generation == 0) {
    load_cached(configured);
  }
  KeySetState state = configured.zone->set->state();
  if (!is_stale(configured.source.plan, state.history.fetched_ms, moment_ms())) {
    const std::shared_ptr<const jwt::KeySet> keys = read_shared_set(*configured.zone->set, &state.generation);
    if (keys) {
      take_for_all(configured.zone.get(), state, keys);
    }
  }
}

void KeyFetching::load_cached(const FetchedIssuer &configured) {
  const FetchSource &source = configured.source;
  KeptKeySet kept;
  std::string error;
  const bool found = source.cache.empty() ? kept_.find_key_set(configured.zone->name, &kept, &error)
                                          : read_key_set_file(source.cache, configured.zone->name, &kept, &error);
  jwt::KeySet keys;
  std::vector<jwt::KeyRefusal> refusals;
  bool usable = found && jwt::parse_key_set(kept.text, jwt::KeySource::fetched, &keys, &refusals, &error);
  if (usable && ngx_time() - kept.fetched_at_s >= source.plan.stale_ms / 1000) {
    usable = false;
    error = "they were fetched at " + to_rfc3339(kept.fetched_at_s) + ", longer ago than stale=";
  }
  if (!usable) {
    if (!error.empty()) {
      ngx_log_error(NGX_LOG_ERR, log_, 0, "keyward: issuer \"%s\": its cached keys can't be used: %s",
                    source.issuer.c_str(), error.c_str());
    }
    return;
  }
  if (configured.zone->set->put_cached(kept.text, static_cast<std::uint32_t>(keys.size()), kept.fetched_at_s,
                                       {moment_ms(), static_cast<std::int64_t>(ngx_time())})) {
    ngx_log_error(NGX_LOG_NOTICE, log_, 0, "keyward: issuer \"%s\": %uz cached keys, fetched at %s",
                  source.issuer.c_str(), keys.size(), to_rfc3339(kept.fetched_at_s).c_str());
  }
}

void KeyFetching::look_after(std::int64_t now) {
  bool ended = again_;
  again_ = false;
  for (std::size_t i = 0; running_ && i < issuers_.size(); ++i) {
    ended = look_at(i, now) || ended;
  }
  if (ended) {
    resume_all(&waiting_);
  }
  set_timer();
}

// true: an attempt has ended without another set, so that whoever waits has to be told.
bool KeyFetching::look_at(std::size_t index, std::int64_t now) {
  Issuer &issuer = issuers_[index];
  const FetchPlan &plan = issuer.configured->source.plan;
  const KeySetState state = issuer.configured->zone->set->state();
  bool ended = false;
  if (issuer.left_out_at != 0 && issuer.left_out_at != keys_.changes()) {
    issuer.generation = 0;  // what stood against some of it may be gone
  }
  if (state.generation != issuer.generation && !is_stale(plan, state.history.fetched_ms, now)) {
    begin_reading(index, state);
  } else {
    ended = issuer.ended != state.ended;
    note_attempts(&issuer, state);
  }
  drop_if_stale(&issuer, now);
  if (!issuer.fetching && (state.begun != state.ended || now >= next_attempt_ms(plan, state.history))) {
    begin_fetch(index, SharedKeySet::Why::due, now);
  }
  return ended;
}

void KeyFetching::note_attempts(Issuer *issuer, const KeySetState &state) noexcept {
  issuer->ended = state.ended;
  issuer->succeeded = state.succeeded;
  if (issuer->in_use && issuer->generation == state.generation) {
    issuer->fetched_ms = state.history.fetched_ms;
  }
}

// Before anybody is resumed: a token may be for an issuer that a laxer one of the same place would take it from.
void KeyFetching::take_for_all(const KeyZone *zone, const KeySetState &state,
                               const std::shared_ptr<const jwt::KeySet> &keys) {
  for (Issuer &issuer : issuers_) {
    if (issuer.configured->zone.get() == zone && issuer.generation != state.generation) {
      take(&issuer, state, keys);
    }
  }
}

void KeyFetching::take(Issuer *issuer, const KeySetState &state, const std::shared_ptr<const jwt::KeySet> &keys) {
  const bool whole = keys_.adopt(issuer->configured->issuer, keys);
  issuer->left_out_at = whole ? 0 : keys_.changes();
  issuer->whole = whole && keys->is_whole();
  issuer->in_use = true;
  issuer->generation = state.generation;
  note_attempts(issuer, state);
}

void KeyFetching::drop_if_stale(Issuer *issuer, std::int64_t now) {
  const FetchedIssuer &configured = *issuer->configured;
  if (keys_.current(configured.issuer) == nullptr || !is_stale(configured.source.plan, issuer->fetched_ms, now)) {
    return;
  }
  keys_.drop(configured.issuer);
  if (issuer->in_use && configured.zone->set->tell_stale(issuer->generation)) {
    ngx_log_error(NGX_LOG_ERR, log_, 0,
                  "keyward: issuer \"%s\": its keys are too old (stale=%Ts) and no longer used: its tokens get 503",
                  configured.source.issuer.c_str(), static_cast<time_t>(configured.source.plan.stale_ms / 1000));
  }
  issuer->in_use = false;
  issuer->generation = 0;  // to be read again, once it has been fetched again
}

// Once for all issuers of the place.
void KeyFetching::begin_reading(std::size_t index, const KeySetState &state) {
  const KeyZone *zone = issuers_[index].configured->zone.get();
  const bool reading = std::any_of(issuers_.begin(), issuers_.end(), [zone](const Issuer &issuer) {
    return issuer.reading && issuer.configured->zone.get() == zone;
  });
  if (!reading) {
    std::unique_ptr<Job> job = std::make_unique<ReadJob>(*this, index, state);
    issuers_[index].reading = read_pool_->post(job);
  }
}

SharedKeySet::Begin KeyFetching::begin_fetch(std::size_t index, SharedKeySet::Why why, std::int64_t now) {
  Issuer &issuer = issuers_[index];
  std::uint64_t number = 0;
  const SharedKeySet::Begin begun =
      issuer.configured->zone->set->begin(why, issuer.configured->source.plan, ngx_pid, now, &number);
  if (begun == SharedKeySet::Begin::begun) {
    std::unique_ptr<Job> job;
    if (!guarded(false, [&] {
          job = std::make_unique<FetchJob>(*this, index, number);
          return true;
        })) {
      issuer.configured->zone->set->fail(number, FetchProblem::aborted, 0);
      throw std::bad_alloc();
    }
    issuer.fetching = fetch_pool_->post(job);  // where it can't be, the job gives the turn up
  }
  return begun;
}

KeysAwaited KeyFetching::await(RequestContext *ctx, const std::vector<std::size_t> &issuers) {
  const std::int64_t now = moment_ms();
  if (!ctx->key_wait) {
    ctx->key_wait = std::make_unique<KeyWait>();
    ctx->key_wait->until_ms = now + kMaxWaitMs;
  }
  bool answered = !issuers.empty(), under_way = false;
  std::uint32_t retry_after_s = 1;
  for (const std::size_t place : issuers) {
    Issuer *issuer = running_ ? find(place) : nullptr;
    if (issuer == nullptr) {
      answered = false;
      continue;
    }
    const SharedKeySet &set = *issuer->configured->zone->set;
    // An attempt behind this one began after the request had come.
    const std::uint64_t first = ctx->key_wait->first(place, set.state().begun);
    if (issuer->in_use && issuer->succeeded > first) {
      continue;
    }
    answered = false;
    const auto index = static_cast<std::size_t>(issuer - issuers_.data());
    const KeySetState state = set.state();
    if (state.generation != issuer->generation &&
        !is_stale(issuer->configured->source.plan, state.history.fetched_ms, now)) {
      begin_reading(index, state);  // another worker has fetched it already
      under_way = true;
      continue;
    }
    switch (begin_fetch(index, SharedKeySet::Why::wanted, now)) {
      case SharedKeySet::Begin::begun:
      case SharedKeySet::Begin::in_progress:
        under_way = true;
        break;
      case SharedKeySet::Begin::contended:
        under_way = again_ = true;
        break;
      case SharedKeySet::Begin::not_now:
        retry_after_s = std::max(retry_after_s, seconds_until_wanted(state.wanted_ms, now));
        break;
    }
  }
  if (answered) {
    return {Reason::invalid_token, 0};
  }
  if (!under_way || ctx->state.wait_expired || now >= ctx->key_wait->until_ms || waiting_.count >= kMaxWaiting) {
    return {Reason::keys_unavailable, retry_after_s};
  }
  start_waiting(&waiting_, ctx, static_cast<ngx_msec_t>(ctx->key_wait->until_ms - now));
  set_timer();
  return {kWaits, 0};
}

void KeyFetching::want(const std::vector<std::size_t> &issuers) {
  const std::int64_t now = moment_ms();
  for (const std::size_t place : issuers) {
    Issuer *issuer = running_ ? find(place) : nullptr;
    if (issuer != nullptr && may_want(issuer->configured->zone->set->state().wanted_ms, now)) {
      begin_fetch(static_cast<std::size_t>(issuer - issuers_.data()), SharedKeySet::Why::wanted, now);
    }
  }
}

std::int64_t KeyFetching::fetched_at_s(std::size_t place, std::int64_t now_s) noexcept {
  const Issuer *issuer = running_ ? find(place) : nullptr;
  if (issuer == nullptr || !issuer->in_use || !issuer->whole) {
    return jwt::kNeverFetched;
  }
  // Where another worker has fetched a newer set, its time says nothing of this one.
  const KeySetState state = issuer->configured->zone->set->state();
  return state.generation == issuer->generation ? fetch_time_s(state, {moment_ms(), now_s}) : jwt::kNeverFetched;
}

KeyFetching::Issuer *KeyFetching::find(std::size_t configured_issuer) noexcept {
  const auto found = std::find_if(issuers_.begin(), issuers_.end(),
                                  [&](const Issuer &issuer) { return issuer.configured->issuer == configured_issuer; });
  return found != issuers_.end() ? &*found : nullptr;
}

// Soon while somebody waits, as what they wait for may happen in another process.
void KeyFetching::set_timer() noexcept {
  if (stop_ || !running_) {
    return;
  }
  tick_.set_within(waiting_.first != nullptr ? kWaitingTickMs : kTickMs);
}

void KeyFetching::on_tick(void *fetching) noexcept {
  auto *self = static_cast<KeyFetching *>(fetching);
  guarded(false, [&] {
    self->look_after(moment_ms());
    return true;
  });
  self->set_timer();  // also where memory was refused
}

}  // namespace keyward
