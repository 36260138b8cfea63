// Two windows, of the prefix and of all prefixes, among those of addresses.
#include "decide/candidate_failures.hpp"

#include <algorithm>
#include <memory>

#include "base/digest.hpp"

namespace keyward {
namespace {

// Failed verifiers of one plain prefix of legacy keys that are run for in a minute.
constexpr Rate kLegacyFailures = {10, 60};
constexpr std::uint64_t kLegacyFailuresName = 0x6c65676163790001;
// And of all prefixes together, as there may be thousands: more than two runs a second are more than one place of the
// gate has time for, beside others.
constexpr Rate kAllLegacyFailures = {120, 60};
constexpr std::uint64_t kAllLegacyFailuresName = 0x6c65676163790002;

}  // namespace

Verifying &obtain_verifying(RequestState &state) {
  if (!state.verifying) {
    state.verifying = std::make_unique<Verifying>();
  }
  return *state.verifying;
}

bool CandidateFailures::count(std::string_view prefix) {
  Charge own, all;
  own.name = keyed_digest(*one_.with.zone.secret, "legacy-prefix failures", prefix);
  own.limit_name = kLegacyFailuresName;
  own.rate = kLegacyFailures;
  all.name = keyed_digest(*one_.with.zone.secret, "all legacy-prefix failures");
  all.limit_name = kAllLegacyFailuresName;
  all.rate = kAllLegacyFailures;
  Verifying &verifying = obtain_verifying(one_.state);
  if (charge(own, &verifying.legacy_failure) && charge(all, &verifying.any_legacy_failure)) {
    return true;
  }
  forgive();
  return false;
}

// Once for a request and a window: a key may begin with several prefixes.
bool CandidateFailures::charge(const Charge &charge, CountedFailure *counted) noexcept {
  if (counted->charged_ms != 0 && counted->charge.name == charge.name) {
    return true;
  }
  counted->charge = charge;
  const WindowState state = one_.with.zone.addresses->charge(charge, one_.asked.now_ms);
  counted->charged_ms = state.admitted ? std::max<std::uint64_t>(state.charged_ms, 1) : 0;
  if (!state.admitted) {
    used_up_s_ = std::max(used_up_s_, static_cast<std::uint32_t>(seconds_up(state.retry_ms)));
  }
  return state.admitted;
}

void CandidateFailures::forgive() const noexcept {
  Verifying *verifying = one_.state.verifying.get();
  if (verifying == nullptr) {
    return;
  }
  for (CountedFailure *counted : {&verifying->legacy_failure, &verifying->any_legacy_failure}) {
    if (counted->charged_ms != 0) {
      one_.with.zone.addresses->give_back(counted->charge, counted->charged_ms, one_.asked.now_ms);
      counted->charged_ms = 0;
    }
  }
}

}  // namespace keyward
