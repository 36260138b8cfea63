// How often keys that begin with a plain prefix may be wrong: each costs a slow run, and anybody can send one.
#pragma once

#include <cstdint>
#include <string_view>

#include "decide/deciding.hpp"

namespace keyward {

// What a request has had its verifiers run for: made when it is first needed.
Verifying &obtain_verifying(RequestState &state);

// Of one request: what it has counted stands in its RequestState.
class CandidateFailures {
 public:
  explicit CandidateFailures(const Case &one) noexcept : one_(one) {}

  // A failure is counted before the run, so that requests of several workers at once can't fail more often than that,
  // and forgiven when there was none. false: there were enough, of this prefix or of all.
  bool count(std::string_view prefix);
  void forgive() const noexcept;

  // For how many seconds they are used up.
  std::uint32_t used_up_s() const noexcept { return used_up_s_; }

 private:
  bool charge(const Charge &charge, CountedFailure *counted) noexcept;

  const Case &one_;
  std::uint32_t used_up_s_ = 0;
};

}  // namespace keyward
