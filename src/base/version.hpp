// The version, in its only place.
#pragma once

namespace keyward {

// As `keyward --version` and the manual page say it; `strings` finds it in the module.
inline constexpr const char kProductVersion[] = "keyward 0.2.0";

}  // namespace keyward
