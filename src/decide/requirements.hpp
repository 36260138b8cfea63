// What has to hold beside scopes: values that a place computes, of claims for example.
#pragma once

#include "decide/demand.hpp"

namespace keyward {

// Reason::none, or that of the first requirement of which a value is empty, "0" or "false". Whoever asks: nobody, too.
Reason check_requirements(const Demand &demand) noexcept;

}  // namespace keyward
