// The table under what a worker remembers: set-associative, and the least recently used of a set goes first.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/digest.hpp"

namespace keyward {

// Value says by is_free() whether it holds anything. Nothing is allocated once it is made. Single-threaded.
template <typename Value>
class LruSets {
 public:
  struct Entry : Value {
    Digest name = {};
    std::uint64_t used = 0;
  };

  // entries is rounded up to a power of two; 0: nothing is ever asked.
  explicit LruSets(std::size_t entries) {
    if (entries == 0) {
      return;
    }
    std::size_t sets = 1;
    while (sets * kWays < entries) {
      sets *= 2;
    }
    mask_ = sets - 1;
    entries_.resize(sets * kWays);
  }

  // The entry of this name that isn't free and that `is_meant`; nullptr: there is none.
  template <typename IsMeant>
  Entry *find(const Digest &name, IsMeant &&is_meant) noexcept {
    Entry *set = set_of(name);
    for (std::size_t i = 0; i < kWays; ++i) {
      if (!set[i].is_free() && set[i].name == name && is_meant(set[i])) {
        return &set[i];
      }
    }
    return nullptr;
  }

  // Where something of this name may be put: over what `is_meant`, into a free place, or over the least recently used. It is the
  // caller's to fill, all but name and used.
  template <typename IsMeant>
  Entry *place_for(const Digest &name, IsMeant &&is_meant) noexcept {
    Entry *victim = find(name, is_meant);
    if (victim == nullptr) {
      Entry *set = set_of(name);
      victim = std::min_element(set, set + kWays, [](const Entry &a, const Entry &b) {
        return (a.is_free() ? 0 : a.used) < (b.is_free() ? 0 : b.used);
      });
    }
    *victim = Entry();
    victim->name = name;
    touch(victim);
    return victim;
  }

  void touch(Entry *entry) noexcept { entry->used = ++tick_; }

 private:
  static constexpr std::size_t kWays = 4;

  Entry *set_of(const Digest &name) noexcept {
    std::uint64_t hash;
    std::memcpy(&hash, name.data(), sizeof(hash));
    return &entries_[(static_cast<std::size_t>(hash) & mask_) * kWays];
  }

  std::uint64_t tick_ = 0;
  std::size_t mask_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace keyward
