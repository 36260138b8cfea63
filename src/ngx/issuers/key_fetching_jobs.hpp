// What KeyFetching has its threads do: fetching a set, and reading one that is in shared memory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fetch/key_set_file.hpp"
#include "ngx/issuers/key_fetching.hpp"

namespace keyward {

// Goes on while the machine sleeps, which nginx's own doesn't: keys age meanwhile.
inline std::int64_t moment_ms() noexcept {
  struct timespec now = {};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1000000;
}

// nullptr where there is no set, or memory was refused. *generation: of the one that was read.
std::shared_ptr<const jwt::KeySet> read_shared_set(const SharedKeySet &set, std::uint64_t *generation);

// What a fetch has found out, for the log.
struct FetchOutcome {
  FetchProblem problem = FetchProblem::aborted;
  int http_status = 0;
  std::string detail;
  bool counted = false;  // the turn was still ours
  bool changed = false;  // it isn't the set that was there
  std::size_t keys = 0;
  std::vector<jwt::KeyRefusal> refusals;
  std::vector<std::string> remarks;  // on keys that are used
  std::string cache_failure;
};

// In whichever worker has taken the turn. Gives the turn up however it ends, also undone.
class KeyFetching::FetchJob final : public Job {
 public:
  FetchJob(KeyFetching &owner, std::size_t index, std::uint64_t number);
  ~FetchJob() override;
  void run() noexcept override;
  void finish() noexcept override;

 private:
  bool read();

  KeyFetching &owner_;
  const std::size_t index_;
  const std::uint64_t number_;
  const std::shared_ptr<const KeyZone> zone_;
  const FetchSource source_;
  const KeySetState before_;
  KeptKeySet kept_;
  FetchOutcome outcome_;
  bool ended_ = false;
};

// Reading 128 keys takes milliseconds: not on the event loop.
class KeyFetching::ReadJob final : public Job {
 public:
  ReadJob(KeyFetching &owner, std::size_t index, const KeySetState &state);
  void run() noexcept override;
  void finish() noexcept override;

 private:
  KeyFetching &owner_;
  const std::size_t index_;
  const std::shared_ptr<const KeyZone> zone_;
  KeySetState state_;
  std::shared_ptr<const jwt::KeySet> keys_;
};

}  // namespace keyward
