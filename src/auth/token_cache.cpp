// A small set-associative cache; the least recently used of a set goes first.
#include "auth/token_cache.hpp"

#include <cstring>

namespace keyward {

TokenCache::TokenCache(std::size_t entries) : secret_(random_bytes<16>()) {
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

TokenCache::Entry *TokenCache::set_of(const Digest &name) noexcept {
  std::uint64_t hash;
  std::memcpy(&hash, name.data(), sizeof(hash));
  return &entries_[(static_cast<std::size_t>(hash) & mask_) * kWays];
}

TokenCache::Entry *TokenCache::find(const Digest &name, const void *accepted, std::uint64_t key_sets,
                                    std::int64_t now_s) noexcept {
  Entry *set = set_of(name);
  for (std::size_t i = 0; i < kWays; ++i) {
    Entry &entry = set[i];
    if (!entry.token || entry.name_ != name || entry.accepted_ != accepted) {
      continue;
    }
    if (entry.key_sets_ == key_sets && now_s >= entry.made_at_s_ && now_s < entry.token->times.valid_until_s) {
      entry.used_ = ++tick_;
      return &entry;
    }
    entry = Entry();
    return nullptr;
  }
  return nullptr;
}

TokenCache::Entry *TokenCache::put(const Digest &name, const void *accepted, std::uint64_t key_sets, std::int64_t now_s,
                                   std::shared_ptr<const VerifiedToken> token) noexcept {
  Entry *set = set_of(name);
  Entry *victim = set;
  for (std::size_t i = 0; i < kWays; ++i) {
    if (!set[i].token || (set[i].name_ == name && set[i].accepted_ == accepted)) {
      victim = &set[i];
      break;
    }
    if (set[i].used_ < victim->used_) {
      victim = &set[i];
    }
  }
  *victim = Entry();
  victim->token = std::move(token);
  victim->name_ = name;
  victim->accepted_ = accepted;
  victim->key_sets_ = key_sets;
  victim->made_at_s_ = now_s;
  victim->used_ = ++tick_;
  return victim;
}

}  // namespace keyward
