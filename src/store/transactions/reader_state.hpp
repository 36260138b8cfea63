// What a CredentialReader consists of; a CredentialWriter's threads share it.
//
// A reader of its own: one thread, no locks. A writer's reader: its thread holds `gate` from begin() to end(); a
// writing thread holds `writing` throughout, and `gate` where it changes the map or opens the files anew. Order:
// `writing`, then `gate`.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "store/environment/environment.hpp"
#include "store/environment/lmdb.hpp"
#include "store/environment/pepper.hpp"
#include "store/environment/walk.hpp"
#include "store/transactions/reader.hpp"

namespace keyward {

struct CredentialReader::State {
  std::string folder;
  Access access = Access::read;
  Environment environment;
  lmdb::Txn txn;  // reset between snapshots
  bool in_snapshot = false;
  std::uint64_t clean_txn_id = 0;     // no `retired` record in this one
  std::uint64_t denials_txn_id = 0;   // of which the following is known
  std::uint64_t denials = 0;          // how many entries the denylist has
  std::uint64_t locators_txn_id = 0;  // of which the following is known
  unsigned other_locators = 0;
  Secret pepper;  // empty: it wasn't needed yet
  SecretStamp pepper_stamp;
  Generation generation;
  unsigned refreshes = 0;
  mutable std::deque<std::string> copies;  // of what this snapshot has read on a read-only mount

  bool shared = false;  // with a writer; doesn't change once it is open
  mutable std::mutex gate;
  std::timed_mutex writing;
  std::atomic<std::thread::id> snapshot_thread = {};  // only where shared

  ~State() { close(); }

  bool is_open() const noexcept { return static_cast<bool>(txn); }
  bool inherited() const noexcept { return environment.inherited(); }
  void close() noexcept;
  // Closes what is open and opens what lies at the path. Where shared: with `writing` and `gate` held.
  StoreStatus reopen();
  StoreStatus begin_slowly();
  StoreStatus mend();
  // Renews the transaction and looks whether its snapshot is retired.
  int renew(bool alone, bool *retired) noexcept;

  // Begins a snapshot of its own in another one's environment, for as long as that stays as it is. LMDB's code.
  int borrow(const State &other);

  void lock_gate() noexcept;
  void unlock_gate() noexcept;
  // Whether this very thread is between begin() and end().
  bool reads_here() const noexcept { return shared && snapshot_thread.load() == std::this_thread::get_id(); }

  // On a read-only mount no writer knows of this snapshot, and from the third commit behind it on one may write over
  // its pages. So what is read is copied, key and stored (each may be nullptr) become views of the copies, and it
  // counts only if no such commit can have begun by then. Elsewhere nothing happens.
  int settle(int rc, std::string_view *key, std::string_view *stored) const noexcept;
  Walk walk(Table table) const {
    Walk walk(txn.get(), environment.handle(table));
    if (environment.unlisted()) {
      walk.settle_by(
          [this](int rc, std::string_view *key, std::string_view *stored) { return settle(rc, key, stored); });
    }
    return walk;
  }

  // Look-ups, in the snapshot.
  StoreCode get(Table table, std::string_view key, std::string_view *content, Digest *tag = nullptr) const noexcept;
  // id becomes found->id: a view into the snapshot.
  StoreCode confirm_absence(Table table, std::string_view key) const noexcept;
  StoreCode key_by_id(std::string_view id, FoundKey *found) const noexcept;
  StoreCode count_denials() noexcept;
  StoreStatus load_pepper();
  // Whether the file is still the one that was read.
  bool has_pepper_changed() const noexcept;
  StoreCode apply_denial(DenialKind kind, std::string_view name, std::string_view issuer, std::int64_t now_s,
                         TokenDenial *denial) const noexcept;
};

}  // namespace keyward
