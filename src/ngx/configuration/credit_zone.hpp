// The shared memory in which balances are spent.
#pragma once

#include "ngx/configuration/configuration.hpp"

namespace keyward {

// Once all is read: has nginx set up the zone, where anything costs credits. false: memory was refused.
bool add_credit_zone(ngx_conf_t *cf, MainConfiguration *main) noexcept;

// Once the configuration is in force, and while the old one's zone is still there: moves the balances of a zone of
// another size, which from then on nobody spends.
void take_replaced_credits(MainConfiguration *main) noexcept;

}  // namespace keyward
