// Opening what a worker needs after the fork, looking after it once a second, and closing it.
#include "ngx/worker/worker.hpp"

#include <algorithm>

#include "base/calendar.hpp"
#include "base/digest.hpp"
#include "ngx/configuration/credit_zone.hpp"

namespace keyward {
namespace {

constexpr ngx_msec_t kTickMs = 1000;
// Whoever shares a processor with a run waits for it the less, the nicer it is: the p99 of known keys beside a storm of
// new ones was 4 times what it was without at 10, 3.6 times at 15, and 1.6 times at 19. Where the processors never
// rest, a run has a seventieth of one.
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
      signature_runs(running_cycle->log),
      api_runs(running_cycle->log),
      credentials_(conf.store, conf.has_api, &zone, running_cycle->log),
      usage_(conf, &zone, running_cycle->log),
      tick_(on_tick, this, running_cycle->log) {
  if (conf.concurrency != nullptr) {
    member_ = conf.concurrency->join();
    zone.concurrency = conf.concurrency;
    zone.member = &member_;
  }
  zone.credits = conf.credits;
  if (!configuration.store.empty()) {
    begin_store();
  }
  if (configuration.store.empty() && configuration.issuers.empty()) {
    return;
  }
  // What the master loaded may be long out of date where this worker takes the place of one that died.
  issuer_keys.refresh();
  tick_.set_within(kTickMs);
}

void Worker::begin_store() {
  credentials_.open();
  const std::size_t queue = bcrypt_concurrency * kQueuePerThread;
  if (!bcrypt_pool.start(bcrypt_concurrency, queue, "keyward bcrypt", cycle->log, kBcryptNiceness) || !usage_.start()) {
    // Keys that aren't proven yet get 503; never bcrypt on the event loop.
    ngx_log_error(NGX_LOG_ERR, cycle->log, ngx_errno,
                  "keyward: can't start threads; keys that were not verified before are refused with 503");
    bcrypt_pool.stop();
  }
  credentials_.refresh();
}

ThreadPool *Worker::candidate_pool() noexcept {
  if (candidate_pool_ || !bcrypt_pool) {
    return candidate_pool_.get();
  }
  const std::size_t threads = std::max<std::size_t>(1, bcrypt_concurrency / kCandidatesPart);
  const std::size_t queue = bcrypt_concurrency * kQueuePerThread / kCandidatesPart;
  if (!candidate_pool_.start(threads, queue, "keyward old", cycle->log, kBcryptNiceness) && may_log_trouble()) {
    ngx_log_error(NGX_LOG_ERR, cycle->log, ngx_errno,
                  "keyward: can't start threads; keys known by a plain prefix are refused with 503");
  }
  return candidate_pool_.get();
}

Worker::~Worker() {
  closing = true;
  tick_.stop();
  fetching.reset();
  bcrypt_pool.stop();
  candidate_pool_.stop();
  signature_runs.stop();
  api_runs.stop();
  verifications.abandon();
  credentials_.stop();
  usage_.stop();
  usage_.store_the_rest();
}

void Worker::begin_keys() {
  fetching = std::make_unique<KeyFetching>(configuration, &issuer_keys, &usage_, cycle->log);
  fetching->begin();
}

void Worker::note_overflow(std::string_view limit) noexcept {
  if (!overflows_.admits(ngx_current_msec)) {
    return;
  }
  const ngx_str_t name = borrow(limit);
  ngx_log_error(NGX_LOG_WARN, cycle->log, 0,
                "keyward: the zone is full: newcomers of limit \"%V\" share one window of ten times its rate; make "
                "keyward_zone larger",
                &name);
}

void Worker::note_no_place() noexcept {
  if (overflows_.admits(ngx_current_msec)) {
    ngx_log_error(NGX_LOG_ERR, cycle->log, 0,
                  "keyward: no room to count requests at once, so some get 503: too many names, or %s",
                  member_ ? "a process was stopped while it counted" : "processes of old configurations that go on");
  }
}

void Worker::note_no_credits(CreditResult::Outcome outcome) noexcept {
  if (overflows_.admits(ngx_current_msec)) {
    ngx_log_error(NGX_LOG_ERR, cycle->log, 0, "keyward: no credits can be taken, so such requests get 503: %s",
                  outcome == CreditResult::Outcome::no_room
                      ? "there is no room for another balance; make keyward_zone larger"
                      : "balances can't be read from the store, or haven't been stored for half a minute");
  }
}

void Worker::tell_day() noexcept {
  const std::uint32_t day = day_at(ngx_time());
  const std::uint32_t reached = zone.tell_day(day);
  if (reached > day && reached != told_day_ && ngx_worker == 0) {
    const Date date = date_from(reached);
    ngx_log_error(
        NGX_LOG_WARN, cycle->log, 0,
        "keyward: the clock has stepped back from %04L-%02L-%02L: limits by the calendar stay in that day and "
        "month until they are over, or nginx is restarted",
        date.year, date.month, date.day);
    told_day_ = reached;
  }
}

void Worker::on_tick(void *worker) noexcept {
  auto *self = static_cast<Worker *>(worker);
  self->issuer_keys.refresh();
  self->tell_day();
  if (!self->configuration.store.empty()) {
    guarded(false, [&] {
      self->credentials_.refresh();
      return true;
    });
    self->usage_.flush();
  }
  self->tick_.set_within(kTickMs);
}

Worker *worker() noexcept { return the_worker.get(); }

ngx_int_t internal_error(ngx_http_request_t *r, const char *why) noexcept {
  const ngx_uint_t level = the_worker && !the_worker->may_log_trouble() ? NGX_LOG_INFO : NGX_LOG_ERR;
  ngx_log_error(level, r->connection->log, 0, "keyward answers 500: %s", why);
  r->error_page = 1;  // final: nobody has decided about what an error page would hand on
  return NGX_HTTP_INTERNAL_SERVER_ERROR;
}

ngx_int_t on_init_module(ngx_cycle_t *cycle) noexcept {
  // A single process that reloads goes on without init_process: between two events, and while the old zone is still
  // there.
  if (ngx_process == NGX_PROCESS_SINGLE && the_worker && on_init_process(cycle) != NGX_OK) {
    the_worker.reset();  // requests get 500 then
  }
  // The new configuration is in force from here on. The replaced zone is still there.
  MainConfiguration *conf = cycle->conf_ctx != nullptr ? main_configuration(cycle) : nullptr;
  if (conf != nullptr) {
    take_replaced_credits(conf);
  }
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
