// A small set-associative cache; the least recently used of a set goes first.
#include "auth/principal_cache.hpp"

#include <cstring>

namespace keyward {

PrincipalCache::PrincipalCache(std::size_t entries) : secret_(random_bytes<16>()) {
  std::size_t sets = 1;
  while (sets * kWays < entries) {
    sets *= 2;
  }
  mask_ = sets - 1;
  entries_.resize(sets * kWays);
}

PrincipalCache::Entry *PrincipalCache::set_of(const Digest &name) noexcept {
  std::uint64_t hash;
  std::memcpy(&hash, name.data(), sizeof(hash));
  return &entries_[(static_cast<std::size_t>(hash) & mask_) * kWays];
}

std::shared_ptr<const Principal> PrincipalCache::find(const Digest &name, const Generation &generation,
                                                      std::int64_t now_s) noexcept {
  Entry *set = set_of(name);
  for (std::size_t i = 0; i < kWays; ++i) {
    Entry &entry = set[i];
    if (entry.principal && entry.name == name) {
      if (entry.generation == generation && now_s >= entry.made_at_s && now_s < entry.principal->stands_until_s) {
        entry.used = ++tick_;
        return entry.principal;
      }
      entry.principal.reset();
      return nullptr;
    }
  }
  return nullptr;
}

void PrincipalCache::put(const Digest &name, const Generation &generation, std::int64_t now_s,
                         std::shared_ptr<const Principal> principal) noexcept {
  Entry *set = set_of(name);
  Entry *victim = set;
  for (std::size_t i = 0; i < kWays; ++i) {
    if (!set[i].principal || set[i].name == name) {
      victim = &set[i];
      break;
    }
    if (set[i].used < victim->used) {
      victim = &set[i];
    }
  }
  victim->name = name;
  victim->generation = generation;
  victim->made_at_s = now_s;
  victim->used = ++tick_;
  victim->principal = std::move(principal);
}

}  // namespace keyward
