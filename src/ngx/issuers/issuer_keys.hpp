// The keys that tokens are verified with in this worker, as they are at this moment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/last_failure.hpp"
#include "jwt/key_set.hpp"
#include "ngx/configuration/configuration.hpp"
#include "ngx/configuration/issuers.hpp"
#include "ngx/nginx/ngx.hpp"

namespace keyward {

class KeyFiles;
struct LoadedKeys;

// On the event loop only. A set is swapped whole: who holds one goes on with it.
class IssuerKeys {
 public:
  // Begins with what the master loaded.
  IssuerKeys(const MainConfiguration &configuration, ngx_log_t *log);

  // By the issuer's place among the configured ones; nullptr: it has no keys yet.
  const std::shared_ptr<const jwt::KeySet> &current(std::size_t issuer) const noexcept { return sets_[issuer].keys; }

  // Rises whenever any set becomes another: what was verified before has to be verified again, as another issuer may
  // come first now.
  std::uint64_t changes() const noexcept { return changes_; }

  // Once a second: reads files that changed again. One that can't be used keeps the last good set, and the log is told
  // once.
  void refresh() noexcept;

  // Gives an issuer another set. false: without those of its keys that another issuer has whose tokens couldn't be told
  // from this one's; the log is told. What isn't in the set any more is gone in any case.
  bool adopt(std::size_t issuer, std::shared_ptr<const jwt::KeySet> keys);
  // Leaves it without any: they are too old.
  void drop(std::size_t issuer) noexcept;

 private:
  struct Set {
    std::shared_ptr<const jwt::KeySet> keys;
    KeyFileStamp stamp;            // of the file that it came from, or of one that was refused
    bool seen = false;             // the file could be looked at once
    bool unsettled = false;        // the file may have changed since without looking so
    std::uint64_t refused_at = 0;  // changes_ when adopt() left out some of it; 0: it didn't
    LastFailure failure;
    const jwt::Issuer *told_of = nullptr;  // which other issuer's keys the log was told of
  };
  bool is_due(std::size_t issuer, KeyFiles *files);
  void take(std::size_t issuer, LoadedKeys loaded);
  const jwt::Issuer *find_twin(std::size_t issuer, const jwt::Key &key) const;
  void note(std::size_t issuer, const std::string &failure);

  const MainConfiguration &configuration_;
  ngx_log_t *log_;
  std::vector<Set> sets_;
  bool told_of_memory_ = false;
  std::uint64_t changes_ = 1;
};

}  // namespace keyward
