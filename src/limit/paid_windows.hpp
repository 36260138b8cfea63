// What one request has paid, and in which windows, on its way through several locations.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "base/bytes.hpp"
#include "limit/windows.hpp"

namespace keyward {

// Few requests pay in more windows than lie in the object itself; for those of the others there is memory to be had.
class PaidWindows {
 public:
  static constexpr std::size_t kOwn = 3;

  // What was paid in the window of this name; nothing in one that isn't known.
  Payment find(const Digest &name) const noexcept {
    const One *one = look(name);
    return one != nullptr ? one->payment : Payment();
  }

  // Makes room for so many more. Throws where memory is refused.
  void reserve(std::size_t count) {
    if (count > kOwn - own_count_) {
      more_.reserve(more_.size() + count - (kOwn - own_count_));
    }
  }

  // Takes this for what was paid in the window, in place of what was known. Without room it is forgotten, so that the
  // request pays once more.
  void note(const Digest &name, const Payment &payment) noexcept {
    if (One *known = const_cast<One *>(look(name))) {
      known->payment = payment;
    } else if (own_count_ < kOwn) {
      own_[own_count_++] = {name, payment};
    } else if (more_.size() < more_.capacity()) {
      more_.push_back({name, payment});
    }
  }

 private:
  struct One {
    Digest name;
    Payment payment;
  };

  const One *look(const Digest &name) const noexcept {
    for (std::size_t i = 0; i < own_count_; ++i) {
      if (own_[i].name == name) {
        return &own_[i];
      }
    }
    for (const One &one : more_) {
      if (one.name == name) {
        return &one;
      }
    }
    return nullptr;
  }

  std::size_t own_count_ = 0;
  std::array<One, kOwn> own_;  // not initialised beyond own_count_
  std::vector<One> more_;
};

}  // namespace keyward
