// The bodies of the two jobs, and what the log is told of a fetch.
#include "ngx/issuers/key_fetching_jobs.hpp"

#include <ctime>

#include "base/time_text.hpp"
#include "fetch/fetch_keys.hpp"
#include "jwt/key_file.hpp"
#include "ngx/store/usage_keeper.hpp"

namespace keyward {
namespace {

static_assert(kMaxKeySetText == jwt::kMaxKeySetBytes);

constexpr std::size_t kMaxRefusalsTold = 10;

void log_refusals(ngx_log_t *log, const FetchSource &source, const std::vector<jwt::KeyRefusal> &refusals) {
  for (std::size_t i = 0; i < refusals.size() && i < kMaxRefusalsTold; ++i) {
    const std::string why(crypto::to_text(refusals[i].problem));
    ngx_log_error(NGX_LOG_WARN, log, 0, "keyward: issuer \"%s\": key %uz (kid \"%s\") of %s is refused: %s",
                  source.issuer.c_str(), refusals[i].index + 1, refusals[i].kid.c_str(),
                  source.request.url.shown.c_str(), why.c_str());
  }
}

void log_remarks(ngx_log_t *log, const FetchSource &source, const std::vector<std::string> &remarks) {
  for (std::size_t i = 0; i < remarks.size() && i < kMaxRefusalsTold; ++i) {
    ngx_log_error(NGX_LOG_WARN, log, 0, "keyward: issuer \"%s\": %s: %s", source.issuer.c_str(),
                  source.request.url.shown.c_str(), remarks[i].c_str());
  }
}

// Only what has changed: the same failure again is at level info.
void log_outcome(ngx_log_t *log, const FetchSource &source, const FetchOutcome &outcome, const KeySetState &before) {
  const char *issuer = source.issuer.c_str();
  const char *url = source.request.url.shown.c_str();
  if (outcome.problem == FetchProblem::none) {
    if (outcome.changed) {
      ngx_log_error(NGX_LOG_NOTICE, log, 0, "keyward: issuer \"%s\": %uz keys from %s", issuer, outcome.keys, url);
      log_refusals(log, source, outcome.refusals);
      log_remarks(log, source, outcome.remarks);
    } else if (before.problem != FetchProblem::none) {
      ngx_log_error(NGX_LOG_NOTICE, log, 0, "keyward: issuer \"%s\": keys can be fetched again from %s", issuer, url);
    }
    return;
  }
  const bool same = before.problem == outcome.problem && before.http_status == outcome.http_status;
  const std::string why = to_text(outcome.problem, outcome.http_status) +
                          (outcome.detail.empty() ? std::string() : " (" + outcome.detail + ')');
  const std::string rest = before.generation == 0 ? "it has no keys yet, so its tokens get 503"
                                                  : "those of " + to_rfc3339(before.fetched_at_s) + " are used until " +
                                                        to_rfc3339(before.fetched_at_s + source.plan.stale_ms / 1000);
  const ngx_uint_t level = same ? static_cast<ngx_uint_t>(NGX_LOG_INFO) : NGX_LOG_ERR;
  ngx_log_error(level, log, 0, "keyward: issuer \"%s\": no keys from %s: %s; %s", issuer, url, why.c_str(),
                rest.c_str());
  if (!same) {
    log_refusals(log, source, outcome.refusals);
  }
}

}  // namespace

std::shared_ptr<const jwt::KeySet> read_shared_set(const SharedKeySet &set, std::uint64_t *generation) {
  std::string text, error;
  std::vector<jwt::KeyRefusal> refusals;
  auto keys = std::make_shared<jwt::KeySet>();
  const bool read =
      set.copy(&text, generation) && jwt::parse_key_set(text, jwt::KeySource::fetched, keys.get(), &refusals, &error);
  return read ? keys : nullptr;
}

KeyFetching::FetchJob::FetchJob(KeyFetching &owner, std::size_t index, std::uint64_t number)
    : owner_(owner),
      index_(index),
      number_(number),
      zone_(owner.issuers_[index].configured->zone),
      source_(owner.issuers_[index].configured->source),
      before_(zone_->set->state()) {}

KeyFetching::FetchJob::~FetchJob() {
  if (!ended_) {
    zone_->set->fail(number_, FetchProblem::aborted, 0);
  }
}

void KeyFetching::FetchJob::run() noexcept {
  kept_.fetched_at_s = std::time(nullptr);
  FetchAnswer answer = fetch_keys(source_, owner_.stop_);
  outcome_.problem = answer.problem;
  outcome_.http_status = answer.status;
  outcome_.detail = std::move(answer.detail);
  kept_.text = std::move(answer.body);
  guarded(false, [&] { return outcome_.problem == FetchProblem::none && read(); });
  if (outcome_.problem == FetchProblem::none) {
    outcome_.counted = zone_->set->succeed(number_, kept_.text, static_cast<std::uint32_t>(outcome_.keys),
                                           kept_.fetched_at_s, &outcome_.changed);
  } else {
    outcome_.counted = zone_->set->fail(number_, outcome_.problem, outcome_.http_status);
  }
  ended_ = true;
  if (outcome_.counted && outcome_.problem == FetchProblem::none && !source_.cache.empty()) {
    guarded(false, [&] { return write_key_set_file(source_.cache, zone_->name, kept_, &outcome_.cache_failure); });
  }
}

void KeyFetching::FetchJob::finish() noexcept {
  owner_.issuers_[index_].fetching = false;
  guarded(false, [&] {
    if (outcome_.counted && outcome_.problem != FetchProblem::aborted) {
      log_outcome(owner_.log_, source_, outcome_, before_);
    }
    if (!outcome_.cache_failure.empty()) {
      ngx_log_error(NGX_LOG_ERR, owner_.log_, 0, "keyward: issuer \"%s\": its keys can't be cached: %s",
                    source_.issuer.c_str(), outcome_.cache_failure.c_str());
    }
    if (outcome_.counted && outcome_.problem == FetchProblem::none && source_.cache.empty()) {
      owner_.kept_.keep_key_set(zone_->name, std::move(kept_));
    }
    owner_.look_after(moment_ms());
    return true;
  });
}

// Strictly, before anybody sees it.
bool KeyFetching::FetchJob::read() {
  outcome_.problem = FetchProblem::memory;  // should it be refused
  jwt::KeySet keys;
  std::string error;
  const bool usable = jwt::parse_key_set(kept_.text, jwt::KeySource::fetched, &keys, &outcome_.refusals, &error);
  outcome_.problem = usable ? FetchProblem::none : FetchProblem::unusable;
  outcome_.detail = usable ? std::string() : error;
  outcome_.keys = keys.size();
  outcome_.remarks = jwt::remarks_on(keys);
  return usable;
}

KeyFetching::ReadJob::ReadJob(KeyFetching &owner, std::size_t index, const KeySetState &state)
    : owner_(owner), index_(index), zone_(owner.issuers_[index].configured->zone), state_(state) {}

void KeyFetching::ReadJob::run() noexcept {
  guarded(false, [&] {
    keys_ = read_shared_set(*zone_->set, &state_.generation);
    return true;
  });
}

void KeyFetching::ReadJob::finish() noexcept {
  owner_.issuers_[index_].reading = false;
  guarded(false, [&] {
    if (keys_) {
      owner_.take_for_all(zone_.get(), state_, keys_);
      owner_.look_after(moment_ms());
      resume_all(&owner_.waiting_);
    }
    return true;
  });
}

}  // namespace keyward
