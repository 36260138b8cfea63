// What the decisions of one request share, over all the places that it comes to and all the times that it waits.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/bytes.hpp"
#include "limit/paid_windows.hpp"
#include "limit/windows.hpp"

namespace keyward {

// What runs of a verifier have said about this request's key: each is about one record as it then was (its seal).
struct VerifierAnswers {
  Sha256 sha = {};  // the key that they are about
  struct One {
    Digest tag;
    bool matched;
  };
  static constexpr std::size_t kMax = 64;  // candidates of one legacy prefix, at most
  std::array<One, kMax> items;
  std::size_t count = 0;

  const One *find(const Digest &tag) const noexcept;
  void add(const Digest &tag, bool matched) noexcept;
};

// A failure that a request counts for unless its key turns out right; charged_ms 0: none.
struct CountedFailure {
  Charge charge;
  std::uint64_t charged_ms = 0;
};

struct RequestState {
  PaidWindows paid;
  std::unique_ptr<VerifierAnswers> answers;            // nullptr: nothing was asked yet
  CountedFailure legacy_failure, any_legacy_failure;  // of its legacy prefix, and of all of them
  bool use_counted = false;                           // a request is one use of its key, however many places it comes to
  // About the wait that has just ended.
  bool wait_expired = false;  // its bound was reached
  bool wait_failed = false;   // the verifier could not run
};

}  // namespace keyward
