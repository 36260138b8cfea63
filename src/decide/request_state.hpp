// What the decisions of one request share, over all the places that it comes to and all the times that it waits.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.hpp"
#include "jwt/signature_checks.hpp"
#include "limit/paid_windows.hpp"
#include "limit/windows.hpp"

namespace keyward {

// A failure that a request counts for unless its key turns out right; charged_ms 0: none.
struct CountedFailure {
  Charge charge;
  std::uint64_t charged_ms = 0;
};

// What a request has had its verifiers run for. Few requests ever have.
struct Verifying {
  // What runs have said about a key: each is about one record as it then was (its seal).
  struct Answer {
    Digest tag;
    bool matched;
  };
  static constexpr std::size_t kMaxAnswers = 64;  // candidates of one legacy prefix, at most
  Sha256 sha = {};                                // the key that they are about
  std::array<Answer, kMaxAnswers> answers;
  std::size_t count = 0;
  CountedFailure legacy_failure, any_legacy_failure;  // of its legacy prefix, and of all of them

  const Answer *find(const Digest &tag) const noexcept;
  void add(const Digest &tag, bool matched) noexcept;
};

// What a thread has found out about a token's signature. Made once, and shared by the requests that waited for it.
struct CheckedToken {
  Digest name = {};  // TokenCache::name_of()
  jwt::SignatureChecks checks;
  std::vector<std::shared_ptr<const jwt::KeySet>> key_sets;  // those that it was checked by
  bool failed = false;                                       // it could not be: memory, or the library
};

struct RequestState {
  PaidWindows paid;
  std::shared_ptr<const CheckedToken> checked;  // nullptr: nothing was checked elsewhere
  std::unique_ptr<Verifying> verifying;         // nullptr: nothing was run yet
  bool use_counted = false;                     // a request is one use of its key, however many places it comes to
  // About the wait that has just ended.
  bool wait_expired = false;  // its bound was reached
  bool wait_failed = false;   // the verifier could not run
};

}  // namespace keyward
