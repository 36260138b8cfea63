// What one worker remembers of tokens: that they verified, and who they turned out to be; never a refusal.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "auth/lru_sets.hpp"
#include "auth/principal.hpp"
#include "auth/verified_token.hpp"
#include "base/digest.hpp"
#include "store/transactions/reader.hpp"

namespace keyward {

// Found by a 128-bit keyed digest of the whole token under a secret of this process. An entry stands
// - for requests to which the same issuers are accepted in the same order: another list may have one that comes first,
// - in the state of all key sets in which it was verified: one that changed may have lost its key, or have gained one
//   that comes first,
// - until the token expires, and never in a time before it was verified. The principal in it stands in the store's
//   snapshot that it was read from, for whoever asks to compare. Rules of issuers are const in a process: a reload
//   starts another one (or, without worker processes, another cache). Single-threaded.
class TokenCache {
 public:
  struct Entry {
    std::shared_ptr<const VerifiedToken> token;  // nullptr: free
    Generation generation;
    std::shared_ptr<const Principal> principal;  // nullptr: to be built

    bool is_free() const noexcept { return token == nullptr; }

   private:
    friend class TokenCache;
    const void *accepted_ = nullptr;
    std::uint64_t key_sets_ = 0;
    std::int64_t made_at_s_ = 0;
  };

  // entries is rounded up to a power of two; 0: nothing is ever asked. bytes: the most that tokens and principals take.
  TokenCache(std::size_t entries, std::size_t bytes);

  Digest name_of(std::string_view token) const noexcept { return keyed_digest(secret_, token); }

  // accepted: one address for each list of issuers. key_sets: IssuerKeys::changes(). nullptr where it isn't remembered,
  // or no longer. The entry is good until the next call.
  Entry *find(const Digest &name, const void *accepted, std::uint64_t key_sets, std::int64_t now_s) noexcept;
  // nullptr: it is too large to be remembered.
  Entry *put(const Digest &name, const void *accepted, std::uint64_t key_sets, std::int64_t now_s,
             std::shared_ptr<const VerifiedToken> token) noexcept;
  // The entry's principal from now on, or none. Ends the entry where it is too large.
  void set_principal(Entry *entry, const Generation &generation, std::shared_ptr<const Principal> principal) noexcept;

  std::size_t bytes() const noexcept { return entries_.bytes(); }

 private:
  DigestKey secret_;
  LruSets<Entry> entries_;
};

}  // namespace keyward
