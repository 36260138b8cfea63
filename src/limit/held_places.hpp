// The places that one request holds, from its admission to its end, on its way through several locations.
#pragma once

#include <array>
#include <cstddef>

#include "limit/concurrency.hpp"

namespace keyward {

// Given back with this object, in the process that took them.
class HeldPlaces {
 public:
  static constexpr std::size_t kMost = 8;

  HeldPlaces() = default;
  ~HeldPlaces() { give_back(0); }
  HeldPlaces(const HeldPlaces &) = delete;
  HeldPlaces &operator=(const HeldPlaces &) = delete;

  // Whether it has one of this name: it needs no other.
  bool has(const Digest &name) const noexcept {
    for (std::size_t i = 0; i < count_; ++i) {
      if (held_[i].name == name) {
        return true;
      }
    }
    return false;
  }
  // From now on what it has is of before.
  void keep() noexcept { kept_ = count_; }
  // All but what it had then.
  void give_back_new() noexcept { give_back(kept_); }
  // Whose places they are; nullptr: of none yet.
  const ConcurrencyTable *table() const noexcept { return table_; }

  // By one that it doesn't have yet, or has.
  ConcurrencyTable::Taking take(ConcurrencyTable *table, const ConcurrencyTable::Member &member, const Digest &name,
                                std::uint32_t most) noexcept {
    if (has(name)) {
      return table->look(member, name, most);
    }
    if (count_ == kMost) {
      return ConcurrencyTable::Taking::failed;
    }
    table_ = table;
    One &one = held_[count_];
    const auto taking = table->take(member, name, most, &one.place);
    if (taking == ConcurrencyTable::Taking::taken) {
      one.name = name;
      ++count_;
    }
    return taking;
  }

  // Where the memory that they lie in is gone.
  void forget() noexcept { count_ = 0; }

 private:
  void give_back(std::size_t keep) noexcept {
    while (count_ > keep) {
      ConcurrencyTable::give_back(held_[--count_].place);
    }
  }

  struct One {
    Digest name;
    ConcurrencyTable::Place place;
  };

  const ConcurrencyTable *table_ = nullptr;
  std::size_t count_ = 0, kept_ = 0;
  std::array<One, kMost> held_;  // not initialised beyond count_
};

}  // namespace keyward
