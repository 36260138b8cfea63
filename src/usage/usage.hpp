// The usage environment: use counts, last uses and last refusals, windows of limits, balances and fetched key sets over
// a restart, written in batches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "limit/credits.hpp"
#include "limit/key_slots.hpp"
#include "store/environment/seal.hpp"
#include "store/environment/status.hpp"
#include "store/records/record.hpp"
#include "usage/window_record.hpp"

namespace keyward {

// Not thread-safe: one thread at a time. Opened once per process.
class UsageStore {
 public:
  UsageStore();
  ~UsageStore();

  // read_only: for reports. Otherwise for add(); map_bytes is a starting size.
  StoreStatus open(const std::string &folder, bool read_only, std::size_t map_bytes);
  void close() noexcept;
  bool is_open() const noexcept;
  // As CredentialReader::refresh(): reopens what was replaced.
  StoreStatus refresh();

  // Adds a batch in one transaction, behind the usage lock, for which it waits at most wait_ms (then busy). All or
  // nothing.
  StoreStatus add(const UsageDelta *deltas, std::size_t count, std::uint64_t wait_ms);
  // Forgets these, in one transaction.
  StoreStatus remove(const Digest *usage_names, std::size_t count, std::uint64_t wait_ms);
  // What is known of a key: not_found if it was never used.
  StoreCode find(const Digest &usage_name, UsageRecord *record);

  // Windows (usage_windows.cpp). put: in one transaction, in the place of what is there.
  StoreStatus put_windows(const WindowRecord *records, std::size_t count, std::uint64_t wait_ms);
  // Calls visit for each, and damaged with the name of each that can't be read.
  StoreStatus for_each_window(const std::function<void(const WindowRecord &)> &visit,
                              const std::function<void(std::string_view name)> &damaged);
  // Looks at up to `most` of them, from the one behind *after on (empty: from the first; empty again at the end), and
  // removes those that are damaged or that ended by wall_ms, unless still_open answers true and changes the record,
  // which is then written.
  StoreStatus prune_windows(std::string *after, std::size_t most, std::int64_t wall_ms,
                            const std::function<bool(WindowRecord *)> &still_open, std::uint64_t wait_ms);

  // Balances (usage_credits.cpp). merge: in one transaction, by credit_rule::merge(); `merged` is what stands there then.
  StoreStatus merge_credits(std::uint64_t table, const CarriedCredits *sent, std::size_t count, CreditState *merged,
                            std::uint64_t wait_ms);
  // Calls visit for each, and damaged with the name of each that can't be read.
  StoreStatus for_each_credits(const std::function<void(const CarriedCredits &)> &visit,
                               const std::function<void(const Digest &account)> &damaged);
  StoreCode find_credits(const Digest &account, CreditState *credits);
  // Looks at up to `most` of them, as prune_windows() does, and removes those of which is_over answers true.
  StoreStatus prune_credits(std::string *after, std::size_t most,
                            const std::function<bool(const Digest &account, const CreditState &)> &is_over,
                            std::uint64_t wait_ms);

  // Fetched key sets (usage_key_sets.cpp), by the name of where each comes from. find: not_found is a normal value;
  // damaged is none.
  StoreStatus put_key_set(const Sha256 &name, std::string_view packed, std::uint64_t wait_ms);
  StoreStatus find_key_set(const Sha256 &name, std::string *packed);

  // Which environment it is: another one after it was replaced. All zero while none is open.
  Bytes<16> instance() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace keyward
