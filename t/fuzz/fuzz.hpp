// What every fuzz target needs: the input as text, and a way to say that something must hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace keyward::fuzz {

inline std::string_view text_of(const std::uint8_t *data, std::size_t size) {
  return {reinterpret_cast<const char *>(data), size};
}

// Also where assert() is switched off.
inline void must(bool holds) {
  if (!holds) {
    std::abort();
  }
}

}  // namespace keyward::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size);
