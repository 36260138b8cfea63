// How much of the heap a value holds, for caches that are bounded in bytes.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace keyward {

// What an allocation of this size takes: malloc's own 8 bytes, rounded up to 16, at least 32 (glibc).
constexpr std::size_t allocated_bytes(std::size_t size) noexcept {
  return size == 0 ? 0 : size + 8 <= 32 ? 32 : (size + 8 + 15) / 16 * 16;
}

// Beyond the value itself.
inline std::size_t heap_bytes(const std::string &text) noexcept {
  static const std::size_t kInside = std::string().capacity();
  return text.capacity() > kInside ? allocated_bytes(text.capacity() + 1) : 0;
}

// Of a vector whose elements hold none.
template <typename T>
std::size_t heap_bytes(const std::vector<T> &values) noexcept {
  return allocated_bytes(values.capacity() * sizeof(T));
}

inline std::size_t heap_bytes(const std::vector<std::string> &texts) noexcept {
  std::size_t bytes = allocated_bytes(texts.capacity() * sizeof(std::string));
  for (const std::string &text : texts) {
    bytes += heap_bytes(text);
  }
  return bytes;
}

// What std::make_shared() takes for a value, counts included.
template <typename T>
constexpr std::size_t shared_bytes() noexcept {
  return allocated_bytes(sizeof(T) + 16);
}

}  // namespace keyward
