// The two eras of the protocol, and which version belongs to which.
#pragma once

#include <cstdint>
#include <string_view>

namespace keyward::mcp {

// legacy: revisions up to 2025-11-25; modern: 2026-07-28 and later, where each request carries its version.
enum class Era : std::uint8_t { legacy, modern };

// Versions compare as bytes. An empty one is legacy.
inline Era era_of(std::string_view version) noexcept { return version >= "2026-07-28" ? Era::modern : Era::legacy; }

}  // namespace keyward::mcp
