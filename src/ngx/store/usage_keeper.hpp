// What a worker keeps in the store beside credentials, so that it outlives a restart: use counts, windows of limits,
// balances, fetched key sets.
#pragma once

#include <mutex>
#include <string>

#include "base/bytes.hpp"
#include "base/last_failure.hpp"
#include "fetch/key_set_file.hpp"
#include "limit/zone.hpp"
#include "ngx/configuration/configuration.hpp"
#include "ngx/nginx/ngx.hpp"
#include "ngx/nginx/watched_pool.hpp"
#include "usage/credit_keeper.hpp"
#include "usage/usage.hpp"
#include "usage/window_keeper.hpp"

namespace keyward {

// All of it is the store's usage environment, which has one writer at a time: so one thread of ours writes it, and
// changes of credentials (credential_store.hpp) have another one.
class UsageKeeper {
 public:
  UsageKeeper(const MainConfiguration &conf, Zone *zone, ngx_log_t *log);

  // Before anything is decided: settles under which secret windows are named, and sees to it that those of before a
  // restart are there. May wait for other workers, which do the same. false: names can't be settled, and nothing may be
  // counted.
  bool begin_windows();

  // false: there is no thread, and nothing is stored before the end.
  bool start() noexcept;
  void stop() noexcept { thread_.stop(); }
  // When the worker ends, after stop(): stores what is left, here and now.
  void store_the_rest();

  // Once a second: hands counted uses and changed windows to the thread, unless another worker has just done so.
  void flush() noexcept;

  // keep: what fails is written at the next fetch. find: only before the first request is decided; false with a
  // sentence in error, which is empty where none is kept.
  void keep_key_set(const Sha256 &name, KeptKeySet set);
  bool find_key_set(const Sha256 &name, KeptKeySet *set, std::string *error);

  // What the store has of a key's use; nothing where that can't be read. By any thread but the event loop: it waits for
  // the one that stores.
  UsageRecord find_usage(const Digest &usage_name);

 private:
  class FlushJob;
  class KeySetJob;
  bool has_store() const noexcept { return !configuration_.store.empty(); }
  void load_windows();
  void load_credits();
  void note_loaded(const WindowKeeper::Loaded &loaded) noexcept;
  void note_loaded(const CreditKeeper::Loaded &loaded) noexcept;
  void note_flush(const StoreStatus &status) noexcept;
  void note_key_set(const StoreStatus &status) noexcept;

  const MainConfiguration &configuration_;
  Zone *zone_;
  ngx_log_t *log_;
  std::mutex mutex_;  // of the three below, while threads run
  UsageStore usage_;
  WindowKeeper windows_;
  CreditKeeper credits_;
  bool flushing_ = false;
  LastFailure flush_failure_, key_set_failure_;
  WatchedPool thread_;
};

}  // namespace keyward
