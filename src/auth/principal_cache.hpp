// What one worker remembers of keys it has seen: principals, never verdicts or refusals.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "auth/lru_sets.hpp"
#include "auth/principal.hpp"
#include "base/digest.hpp"
#include "store/transactions/reader.hpp"

namespace keyward {

// Found by a 128-bit keyed digest of the whole credential under a secret of this process; an entry stands only in the
// store's snapshot that it was read from, and until the earliest second at which anything in it changes.
// Single-threaded.
class PrincipalCache {
 public:
  // entries is rounded up to a power of two. bytes: the most that principals take; one that is too large isn't kept.
  PrincipalCache(std::size_t entries, std::size_t bytes);

  Digest name_of(std::string_view credential) const noexcept { return keyed_digest(secret_, credential); }

  // nullptr unless it stands in `generation` at now_s. A clock that stepped back ends every entry that was made later.
  std::shared_ptr<const Principal> find(const Digest &name, const Generation &generation, std::int64_t now_s) noexcept;
  void put(const Digest &name, const Generation &generation, std::int64_t now_s,
           std::shared_ptr<const Principal> principal) noexcept;

  std::size_t bytes() const noexcept { return entries_.bytes(); }

 private:
  struct Remembered {
    Generation generation;
    std::int64_t made_at_s = 0;
    std::shared_ptr<const Principal> principal;

    bool is_free() const noexcept { return principal == nullptr; }
  };

  DigestKey secret_;
  LruSets<Remembered> entries_;
};

}  // namespace keyward
