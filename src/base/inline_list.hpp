// A short list without allocation, whose unused places cost nothing, not even to be made.
#pragma once

#include <cstddef>
#include <new>
#include <type_traits>

namespace keyward {

template <typename T, std::size_t Capacity>
class InlineList {
 public:
  static_assert(std::is_trivially_destructible_v<T>, "nothing is ever destroyed");

  InlineList() noexcept {}  // NOLINT(modernize-use-equals-default): that would initialise the storage
  InlineList(const InlineList &) = delete;
  InlineList &operator=(const InlineList &) = delete;

  // A new, value-initialised element at the end; nullptr when the list is full.
  T *push() noexcept { return size_ == Capacity ? nullptr : new (storage_ + sizeof(T) * size_++) T(); }

  std::size_t size() const noexcept { return size_; }
  T &operator[](std::size_t i) noexcept { return begin()[i]; }
  const T &operator[](std::size_t i) const noexcept { return begin()[i]; }
  T *begin() noexcept { return std::launder(reinterpret_cast<T *>(storage_)); }
  T *end() noexcept { return begin() + size_; }
  const T *begin() const noexcept { return std::launder(reinterpret_cast<const T *>(storage_)); }
  const T *end() const noexcept { return begin() + size_; }

 private:
  std::size_t size_ = 0;
  alignas(T) unsigned char storage_[sizeof(T) * Capacity];
};

}  // namespace keyward
