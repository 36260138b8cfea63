// The metadata are asked anew each time: whoever moves his keys is followed at the next fetch.
#include "fetch/fetch_keys.hpp"

#include <algorithm>
#include <chrono>

#include "fetch/discovery.hpp"

namespace keyward {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kNotFound = 404;

// What is asked one after the other, until the time of all is over.
class Asking {
 public:
  Asking(const FetchSource &source, const std::atomic<bool> &stop)
      : source_(source), stop_(stop), until_(Clock::now() + std::chrono::milliseconds(source.request.time_ms)) {}

  FetchAnswer get(const Url &url, bool public_only) const {
    FetchRequest request = source_.request;
    request.url = url;
    request.public_only = public_only;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until_ - Clock::now()).count();
    request.time_ms = std::max<std::int64_t>(1, left);
    FetchAnswer answer = http_get(request, stop_);
    if (answer.problem != FetchProblem::none) {
      answer.detail = "of " + url.shown + (answer.detail.empty() ? "" : ": " + answer.detail);
    }
    return answer;
  }

 private:
  const FetchSource &source_;
  const std::atomic<bool> &stop_;
  Clock::time_point until_;
};

FetchAnswer discover(const FetchSource &source, const std::atomic<bool> &stop) {
  FetchAnswer answer;
  MetadataPlaces places;
  answer.problem = FetchProblem::metadata;
  if (!find_metadata(source.discovers, &places, &answer.detail)) {
    return answer;
  }
  const Asking asking(source, stop);
  answer = asking.get(places.openid, false);
  if (answer.problem == FetchProblem::status && answer.status == kNotFound) {
    answer = asking.get(places.oauth, false);
  }
  if (answer.problem != FetchProblem::none) {
    return answer;
  }
  DiscoveredKeys keys;
  std::string error;
  if (!read_metadata(answer.body, source.discovers, source.jwks_host, &keys, &error)) {
    answer = FetchAnswer();
    answer.problem = FetchProblem::metadata;
    answer.detail = error;
    return answer;
  }
  return asking.get(keys.url, keys.public_only);
}

}  // namespace

FetchAnswer fetch_keys(const FetchSource &source, const std::atomic<bool> &stop) noexcept {
  if (source.discovers.empty()) {
    return http_get(source.request, stop);
  }
  try {
    return discover(source, stop);
  } catch (...) {
    return FetchAnswer();  // memory
  }
}

}  // namespace keyward
