// What all workers share about each API key that was used: the proof that it was verified, and its use counts on
// their way to the store. In shared memory: valid at every instruction, survives a reload and a killed worker.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/digest.hpp"

namespace keyward {

// A use count that is to be added to a key's usage record.
struct UsageDelta {
  Digest key;                    // usage_name() of the key's id
  std::uint64_t uses = 0;        // since the last drain
  std::int64_t last_used_s = 0;  // Unix seconds; 0: not used, only refused
  std::uint8_t refusal = 0;      // Reason of the last refusal; 0: none since the last drain
  std::int64_t refused_s = 0;
};

class KeySlots {
 public:
  // Lays empty slots into memory: 64 bytes each. nullptr if bytes are too few for any.
  static KeySlots *create(void *memory, std::size_t bytes) noexcept;  // zeroed, aligned to 64, shared already
  static KeySlots *adopt(void *memory, std::size_t bytes) noexcept;

  // Remembers that the key with this SHA-256 satisfies the verifier of the record sealed with tag. Kept as
  // keyed_digest(a secret drawn at create(), sha || tag): any change of the record ends it. May evict another key:
  // one without a proof, else the least recently used of its buckets, but none that has undrained usage; else nothing
  // is remembered (false).
  bool remember(const Digest &key, const Sha256 &sha, const Digest &tag) noexcept;
  // Whether it was remembered. Wait-free.
  bool proven(const Digest &key, const Sha256 &sha, const Digest &tag, std::int64_t now_s) noexcept;

  // Counts a use. Lock-free where the key has a slot; takes one otherwise. false: no room (all slots of its buckets
  // have undrained usage): the caller counts the loss.
  bool count_use(const Digest &key, std::int64_t now_s) noexcept;
  bool note_refusal(const Digest &key, std::uint8_t reason, std::int64_t now_s) noexcept;

  // Takes up to capacity deltas out, beginning where the last drain ended; returns how many. What is taken is
  // counted as gone: put_back() what could not be stored.
  std::size_t drain(UsageDelta *out, std::size_t capacity) noexcept;
  // false: no room, as for count_use().
  bool put_back(const UsageDelta &delta) noexcept;

  // Remembers what the other remembers, as far as it fits, the latest used first where it doesn't. Into slots that were
  // just created and that nobody uses yet; the other's may be in use, and keep what is undrained.
  void copy_from(KeySlots *other) noexcept;

  struct Stats {
    std::uint64_t slots = 0;
    std::uint64_t used = 0;  // have had a key; they aren't freed, only given to others
  };
  Stats stats() const noexcept;

 private:
  KeySlots() = default;
};

}  // namespace keyward
