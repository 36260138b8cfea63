// A list whose first elements need no allocation, and whose length is bounded.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

namespace keyward {

template <typename T, std::size_t Inline, std::size_t Max>
class SpillingList {
 public:
  static_assert(std::is_trivially_copyable_v<T> && Inline < Max);

  SpillingList() noexcept {}  // NOLINT(modernize-use-equals-default): that would initialise the storage
  SpillingList(const SpillingList &) = delete;
  SpillingList &operator=(const SpillingList &) = delete;

  // false: it holds Max of them. Throws std::bad_alloc.
  bool push(const T &value) {
    if (size_ == capacity_ && !grow()) {
      return false;
    }
    begin()[size_++] = value;
    return true;
  }
  // false: there is no room for all of them, and none was added. Throws std::bad_alloc.
  bool append(const T *values, std::size_t count) {
    if (count > Max - size_) {
      return false;
    }
    while (capacity_ - size_ < count) {
      grow();
    }
    std::copy(values, values + count, end());
    size_ += count;
    return true;
  }
  // Takes elements off the end.
  void truncate(std::size_t size) noexcept { size_ = size; }

  std::size_t size() const noexcept { return size_; }
  T &operator[](std::size_t i) noexcept { return begin()[i]; }
  const T &operator[](std::size_t i) const noexcept { return begin()[i]; }
  T *begin() noexcept { return spilled_ ? spilled_.get() : inline_; }
  T *end() noexcept { return begin() + size_; }
  const T *begin() const noexcept { return spilled_ ? spilled_.get() : inline_; }
  const T *end() const noexcept { return begin() + size_; }

 private:
  bool grow() {
    if (capacity_ == Max) {
      return false;
    }
    const std::size_t capacity = std::min(Max, capacity_ * 4);
    std::unique_ptr<T[]> larger(new T[capacity]);
    std::copy(begin(), end(), larger.get());
    spilled_ = std::move(larger);
    capacity_ = capacity;
    return true;
  }

  std::size_t size_ = 0, capacity_ = Inline;
  std::unique_ptr<T[]> spilled_;
  T inline_[Inline];
};

}  // namespace keyward
