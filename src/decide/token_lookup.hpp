// Who a token is about.
#pragma once

#include "decide/deciding.hpp"

namespace keyward {

// Fills the outcome's token, issuer and, where the conclusion is Reason::none, principal. After a wait all is looked at
// again.
Conclusion look_up_token(const Case &one);

}  // namespace keyward
