// Finding verified tokens, and ending them.
#include "auth/token_cache.hpp"

namespace keyward {

TokenCache::TokenCache(std::size_t entries, std::size_t bytes)
    : secret_(random_bytes<16>()), entries_(entries, bytes) {}

TokenCache::Entry *TokenCache::find(const Digest &name, const void *accepted, std::uint64_t key_sets,
                                    std::int64_t now_s) noexcept {
  auto *entry = entries_.find(name, [accepted](const Entry &other) { return other.accepted_ == accepted; });
  if (entry == nullptr) {
    return nullptr;
  }
  if (entry->key_sets_ == key_sets && now_s >= entry->made_at_s_ && now_s < entry->token->times.valid_until_s) {
    entries_.touch(entry);
    return entry;
  }
  entries_.free(entry);
  return nullptr;
}

TokenCache::Entry *TokenCache::put(const Digest &name, const void *accepted, std::uint64_t key_sets, std::int64_t now_s,
                                   std::shared_ptr<const VerifiedToken> token) noexcept {
  auto *entry = entries_.place_for(name, [accepted](const Entry &other) { return other.accepted_ == accepted; });
  entry->token = std::move(token);
  entry->accepted_ = accepted;
  entry->key_sets_ = key_sets;
  entry->made_at_s_ = now_s;
  return entries_.hold(entry, bytes_of(*entry->token)) ? entry : nullptr;
}

void TokenCache::set_principal(Entry *entry, const Generation &generation,
                               std::shared_ptr<const Principal> principal) noexcept {
  entry->generation = generation;
  entry->principal = std::move(principal);
  const std::size_t own = entry->principal ? bytes_of(*entry->principal) : 0;
  entries_.hold(static_cast<LruSets<Entry>::Entry *>(entry), bytes_of(*entry->token) + own);
}

}  // namespace keyward
