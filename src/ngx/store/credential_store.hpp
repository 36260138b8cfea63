// The store's credentials as one worker has them open.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/digest.hpp"
#include "base/last_failure.hpp"
#include "base/throttle.hpp"
#include "limit/zone.hpp"
#include "ngx/nginx/ngx.hpp"
#include "ngx/nginx/watched_pool.hpp"
#include "store/transactions/reader.hpp"
#include "store/transactions/writer.hpp"

namespace keyward {

// Read-only, unless there is a keys API, or keys that are known by a plain prefix or another digest have to be filed anew: then this process writes as well, in a thread
// that does nothing but change credentials, so that no change waits behind what usage there is to store.
class CredentialStore {
 public:
  // has_api: keys are changed by requests, so it is open for writing from the beginning.
  CredentialStore(std::string folder, bool has_api, Zone *zone, ngx_log_t *log);

  void open();
  // Once a second: looks after the files, and opens them for writing once there are keys that have to be filed anew.
  void refresh();

  // For threads; nullptr: it isn't open for writing.
  CredentialWriter *writer() noexcept { return writer_.get(); }
  CredentialReader &reader() noexcept { return writer_ ? writer_->reader() : reader_; }

  // Files a key under its SHA-256, where its record is still the one with this seal.
  void refile(std::string_view id, const Digest &usage_name, const Digest &tag, const Sha256 &sha);
  // Waits for the change that is under way, and drops those that are queued.
  void stop() noexcept { changes_.stop(); }

  // A request met this. The log is told at once, but then it is refresh()'s to tell how things go on.
  void note_in_passing(const StoreStatus &status) noexcept;

 private:
  class RefileJob;
  void note(const StoreStatus &status) noexcept;
  StoreStatus open_for_changes();
  StoreStatus look(bool *unfiled);

  const std::string folder_;
  const bool has_api_;
  Zone *zone_;
  ngx_log_t *log_;
  CredentialReader reader_;
  std::unique_ptr<CredentialWriter> writer_;
  bool writer_refused_ = false;  // the log was told
  Throttle retries_{60000};
  LastFailure failure_;
  WatchedPool changes_;  // started with the writer
};

}  // namespace keyward
