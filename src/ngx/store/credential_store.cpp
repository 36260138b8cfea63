// Opening credentials, looking after them, and changing them in a thread.
#include "ngx/store/credential_store.hpp"

#include <utility>

namespace keyward {
namespace {

constexpr std::size_t kQueuedChanges = 16;
constexpr std::uint64_t kRefileLockWaitMs = 1000;

}  // namespace

// Only the index changes, now that a request has shown the whole key: whatever was done to the record meanwhile (a
// revocation, say) stays, as it is read again inside the transaction.
class CredentialStore::RefileJob final : public Job {
 public:
  RefileJob(CredentialWriter &writer, Zone &zone, std::string_view id, const Digest &usage_name, const Digest &tag,
            const Sha256 &sha)
      : writer_(writer), zone_(zone), id_(id), usage_name_(usage_name), tag_(tag), sha_(sha) {}

  void run() noexcept override {
    guarded(false, [&] {
      Digest filed_tag = {};
      const StoreStatus status = writer_.run(kRefileLockWaitMs, Author::worker(),
                                             [&](WriteTxn &txn) -> StoreStatus { return refile(txn, &filed_tag); });
      if (status.ok()) {
        // The verifier is the one that was proved, under a record with a new seal.
        zone_.keys->remember(usage_name_, sha_, filed_tag);
      }
      return true;
    });
  }
  void finish() noexcept override {}  // what failed is done at the key's next use

 private:
  StoreStatus refile(WriteTxn &txn, Digest *filed_tag) {
    const Seal &seal = writer_.reader().seal();
    KeyRecord record;
    const StoreStatus found = txn.get_key(id_, &record);
    // Another worker was first, or the key is gone.
    const bool is_filed = record.indexed && record.locator_kind == LocatorKind::sha256;
    if (!found.ok() || is_filed || seal.tag(Table::keys, id_, encode(record)) != tag_) {
      return {StoreCode::not_found, {}};
    }
    record.indexed = true;
    record.locator = locator_of(sha_);
    record.locator_kind = LocatorKind::sha256;
    StoreStatus replaced = txn.replace_key(record);
    *filed_tag = seal.tag(Table::keys, id_, encode(record));
    return replaced;
  }

  CredentialWriter &writer_;
  Zone &zone_;
  std::string id_;
  Digest usage_name_, tag_;
  Sha256 sha_;
};

CredentialStore::CredentialStore(std::string folder, bool has_api, Zone *zone, ngx_log_t *log)
    : folder_(std::move(folder)), has_api_(has_api), zone_(zone), log_(log) {}

void CredentialStore::open() { note(has_api_ ? open_for_changes() : reader_.open(folder_)); }

void CredentialStore::refresh() {
  StoreStatus status = reader().refresh();
  bool unfiled = false;
  status = status.ok() ? look(&unfiled) : status;
  const bool wanted = has_api_ ? retries_.admits(ngx_current_msec) : unfiled && !writer_refused_;
  if (status.ok() && wanted && !writer_) {
    status = open_for_changes();
  }
  note(status);
}

// So that requests find the pepper read, and the log says for as long as it can't be.
StoreStatus CredentialStore::look(bool *unfiled) {
  CredentialReader &store = reader();
  const Snapshot snapshot(store);
  if (!snapshot.status().ok()) {
    return writer_ ? StoreStatus() : snapshot.status();  // a write that is under way is no trouble
  }
  *unfiled = store.has_keys_to_refile();
  return store.prepare_pepper();
}

// What reading comes to: where it can't be opened for changes, it is open for reading again.
StoreStatus CredentialStore::open_for_changes() {
  StoreStatus opened = {StoreCode::io, "can't start a thread"};
  if (changes_.start(1, kQueuedChanges, "keyward changes", log_)) {
    // LMDB must not be open twice in one process: the one closes before the other opens.
    reader_.close();
    auto writer = std::make_unique<CredentialWriter>();
    opened = writer->open(folder_);
    if (opened.ok()) {
      writer_ = std::move(writer);
      return opened;
    }
  }
  changes_.stop();
  writer_refused_ = true;
  if (has_api_) {
    ngx_log_error(NGX_LOG_ERR, log_, 0, "keyward: the keys API answers 503: the store can't be opened for changes: %s",
                  opened.text.c_str());
    return reader_.open(folder_);
  }
  ngx_log_error(NGX_LOG_WARN, log_, 0,
                "keyward: keys known by a plain prefix or another digest can't be indexed by their SHA-256, so each "
                "look-up of them stays slow: %s",
                opened.text.c_str());
  return reader_.is_open() ? StoreStatus() : reader_.open(folder_);
}

void CredentialStore::refile(std::string_view id, const Digest &usage_name, const Digest &tag, const Sha256 &sha) {
  if (writer_) {
    std::unique_ptr<Job> job = std::make_unique<RefileJob>(*writer_, *zone_, id, usage_name, tag, sha);
    changes_->post(job);  // a full queue: at its next use
  }
}

void CredentialStore::note(const StoreStatus &status) noexcept {
  guarded(false, [&] {
    if (!failure_.becomes(status.text)) {
      return true;
    }
    if (status.ok()) {
      ngx_log_error(NGX_LOG_NOTICE, log_, 0, "keyward: the store is readable again");
    } else {
      ngx_log_error(NGX_LOG_ERR, log_, 0, "keyward: %s; requests with keys and tokens get 503 meanwhile",
                    status.text.c_str());
    }
    return true;
  });
}

void CredentialStore::note_in_passing(const StoreStatus &status) noexcept {
  if (failure_.is_none()) {
    note(status);
  }
}

}  // namespace keyward
