// Warnings of what nginx does before keyward has decided.
#pragma once

#include "ngx/configuration/reading.hpp"

namespace keyward {

// A `return` of 2xx outside of `if`, where keyward is on or in shadow: it answers everybody.
void warn_of_early_answers(ngx_conf_t *cf, const Reading &reading);

// A zone of limit_req or limit_conn that counts by a variable of keyward's, used where keyward is on or in shadow: it
// is empty there.
void warn_of_early_counting(ngx_conf_t *cf, const Reading &reading);

}  // namespace keyward
