// May whoever asks do what is asked here? Looked at in the order of what costs least.
#pragma once

#include "decide/deciding.hpp"

namespace keyward {

// Makes the outcome, which is new but for in_shadow: who it is, whether what is demanded at this place is met, and what
// is charged, all or nothing. reason is the outcome's unless it waits. After a wait the same is asked again, with a new
// outcome: all that may have changed meanwhile is read anew. Single-threaded, like what it is made with. Throws
// std::bad_alloc, and then nothing may pass.
Conclusion decide(const Case &one);

// Whether a place that demands something may be read for another request (SSI, auth_request, add_before_body): only for
// one that was admitted itself, as no credential is looked at and nothing is charged. main: its outcome; nullptr: none.
Reason judge_subrequest(const Outcome *main) noexcept;

// Once for each decision that doesn't wait: counts it, for metrics, and the use of a key or its refusal, on the way to
// the store.
void count_decision(const Case &one) noexcept;

}  // namespace keyward
