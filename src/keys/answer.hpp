// How an operation on keys, subjects and plans ended: one closed list, and what was in its way.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include "store/environment/status.hpp"
#include "store/records/journal.hpp"
#include "store/transactions/writer.hpp"

namespace keyward::keys {

enum class Result : std::uint8_t {
  done,
  unchanged,        // it was so already, and nothing was written
  not_found,        // there is none, or none that this caller may know of
  invalid,          // a name or a list that no record may have
  past_expiry,      // it would have expired already
  wrong_state,      // the key's state doesn't allow it
  in_overlap,       // the key was rotated, and only its overlap is left of it
  rotated_already,  // it has a successor, and only one is ever handed out
  too_many_keys,    // its plan's max_keys
  in_use,           // a plan or a subject that something is still of
  exceeds_caller,   // more than the caller itself may do
  not_permitted,    // nothing that this caller may do to it
  no_match,         // the record isn't the one that was asked to be changed (If-Match)
  caller_ended,     // the caller's own key was revoked, replaced or has expired meanwhile, or its subject is blocked
  store_failed,     // the status says how
};

// In what a result would exceed its caller.
enum class Excess : std::uint8_t { none, scopes, limits, addresses, expiry, concurrency };

struct Answer {
  Result result = Result::done;
  Excess excess = Excess::none;  // of exceeds_caller
  StoreStatus status = {};       // of store_failed

  Answer() = default;
  Answer(Result what) noexcept : result(what) {}
  Answer(Excess in) noexcept : result(Result::exceeds_caller), excess(in) {}
  Answer(StoreStatus of)
      : result(of.ok()                           ? Result::done
               : of.code == StoreCode::not_found ? Result::not_found
                                                 : Result::store_failed),
        status(std::move(of)) {}

  bool ok() const noexcept { return result == Result::done || result == Result::unchanged; }
};

// Runs an operation of this author's in one write transaction, which may run it again from its start; whatever isn't ok
// leaves the store as it was.
Answer in_transaction(CredentialWriter &writer, const Author &author, std::uint64_t wait_ms,
                      const std::function<Answer(WriteTxn &)> &operation);

}  // namespace keyward::keys
