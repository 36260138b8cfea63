// The usage environment: use counts, last uses and last refusals, written in batches.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "limit/key_slots.hpp"
#include "store/record.hpp"
#include "store/seal.hpp"
#include "store/status.hpp"

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

  // Adds a batch in one transaction, behind the usage lock, for which it waits at most wait_ms (then busy). All or nothing.
  StoreStatus add(const UsageDelta *deltas, std::size_t count, std::uint64_t wait_ms);
  // Forgets these, in one transaction.
  StoreStatus remove(const Digest *usage_names, std::size_t count, std::uint64_t wait_ms);
  // What is known of a key: not_found if it was never used.
  StoreCode find(const Digest &usage_name, UsageRecord *record);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace keyward
