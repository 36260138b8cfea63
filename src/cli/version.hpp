// What `keyward --version` says.
#pragma once

namespace keyward::cli {

inline constexpr const char kVersion[] = "0.1.0";

}  // namespace keyward::cli
