// The table under what a worker remembers: set-associative, bounded in entries and in bytes; what was used least
// recently goes first.
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
  // An entry of more than this part of all bytes isn't kept: it would push out what many others use.
  static constexpr std::size_t kLargestPart = 16;

  struct Entry : Value {
    Digest name = {};
    std::uint64_t used = 0;
    std::size_t bytes = 0;  // what hold() was told
  };

  // entries is rounded up to a power of two; 0: nothing is ever asked. bytes: what all values may take together.
  LruSets(std::size_t entries, std::size_t bytes) : most_bytes_(bytes) {
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

  // Where something of this name may be put: over what `is_meant`, into a free place, or over the least recently used.
  // It is the caller's to fill, all but name, used and bytes.
  template <typename IsMeant>
  Entry *place_for(const Digest &name, IsMeant &&is_meant) noexcept {
    Entry *victim = find(name, is_meant);
    if (victim == nullptr) {
      Entry *set = set_of(name);
      victim = std::min_element(set, set + kWays, [](const Entry &a, const Entry &b) {
        return (a.is_free() ? 0 : a.used) < (b.is_free() ? 0 : b.used);
      });
    }
    free(victim);
    victim->name = name;
    touch(victim);
    return victim;
  }

  void touch(Entry *entry) noexcept { entry->used = ++tick_; }

  void free(Entry *entry) noexcept {
    bytes_ -= entry->bytes;
    *entry = Entry();
  }

  // What the value takes from now on. Frees others until all fit, or this one where it is too large: false then.
  bool hold(Entry *entry, std::size_t bytes) noexcept {
    bytes_ += bytes - entry->bytes;
    entry->bytes = bytes;
    if (bytes > most_bytes_ / kLargestPart) {
      free(entry);
      return false;
    }
    while (bytes_ > most_bytes_) {
      free(find_victim(entry));
    }
    return true;
  }

  std::size_t bytes() const noexcept { return bytes_; }

 private:
  static constexpr std::size_t kWays = 4;
  // How many of all, at random as names are, are looked at for the one that was used least recently.
  static constexpr std::size_t kLookedAt = 16;

  // Goes round the table, so that a hit has no order to keep. There are others: this one alone isn't too large.
  Entry *find_victim(const Entry *kept) noexcept {
    Entry *oldest = nullptr;
    std::size_t looked_at = 0;
    for (std::size_t i = 0; i < entries_.size() && looked_at < kLookedAt; ++i) {
      Entry *entry = &entries_[hand_];
      hand_ = (hand_ + 1) % entries_.size();
      if (entry == kept || entry->is_free()) {
        continue;
      }
      ++looked_at;
      oldest = oldest == nullptr || entry->used < oldest->used ? entry : oldest;
    }
    return oldest;
  }

  Entry *set_of(const Digest &name) noexcept {
    std::uint64_t hash;
    std::memcpy(&hash, name.data(), sizeof(hash));
    return &entries_[(static_cast<std::size_t>(hash) & mask_) * kWays];
  }

  const std::size_t most_bytes_;
  std::size_t bytes_ = 0;
  std::size_t hand_ = 0;
  std::uint64_t tick_ = 0;
  std::size_t mask_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace keyward
