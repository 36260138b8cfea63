// Who a key belongs to.
#pragma once

#include "decide/deciding.hpp"

namespace keyward {

// Fills the outcome's principal where the conclusion is Reason::none. After a wait all is looked at again.
Conclusion look_up_key(const Case &one);

// What a key's state and times say at now_s.
Reason reason_of_state(const KeyView &key, std::int64_t now_s) noexcept;

}  // namespace keyward
