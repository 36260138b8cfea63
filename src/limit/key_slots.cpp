// Slots for keys that were used: two-choice buckets, a change of owner under one robust mutex, all else without
// locks.
//
// Three words of a slot hold what a use or a refusal changes, and each has the slot's generation in it, which goes up
// when the slot changes hands: what was begun for an old owner can't be counted for a new one, as its
// compare-and-swap fails. A slot changes hands only where nothing of it is undrained. What a killed process leaves
// half-made has the count kTaken, and is free for the next.
//
// A proof is believed when all its 128 bits match. They are two words, and a reader may see halves of two owners: but
// what it compares them with is the MAC of what was presented, and a MAC that was never stored equals such a mixture
// with a chance of 2^-128, no better than guessing the MAC itself. The same holds for a name.
#include "limit/key_slots.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "limit/shared_mutex.hpp"

namespace keyward {
namespace {

constexpr std::uint64_t kMagic = 0x6b77'6b65'7973'6c6f;  // "kwkeyslo"
constexpr std::uint64_t kVersion = 1;

constexpr std::size_t kSlots = 8;
// Each drain also looks at this many buckets that aren't marked, so that what a process left unmarked, killed between a
// count and its mark, is found after a while.
constexpr std::uint64_t kSweptBuckets = 32;

// A generation above a value: a count of uses, the Unix second of the last, or a refusal (its reason above its second).
using Word = std::uint64_t;
constexpr int kValueBits = 48;
constexpr Word kValueMask = (Word{1} << kValueBits) - 1;
constexpr Word kTaken = kValueMask;  // in place of a count: the slot changes hands
constexpr Word kMaxUses = kTaken - 1;
constexpr int kSecondBits = 40;
constexpr Word kMaxSecond = (Word{1} << kSecondBits) - 1;

Word value_of(Word word) noexcept { return word & kValueMask; }
Word generation_of(Word word) noexcept { return word & ~kValueMask; }
Word next_generation(Word word) noexcept { return generation_of(word) + (Word{1} << kValueBits); }

Word second_of(std::int64_t unix_s) noexcept {
  return unix_s < 0 ? 0 : std::min(static_cast<Word>(unix_s), kMaxSecond);
}

struct alignas(64) Slot {
  std::atomic<std::uint64_t> name[2];   // of the key; changes only while uses is kTaken. Both 0: never used
  std::atomic<std::uint64_t> proof[2];  // both 0: none
  std::atomic<Word> uses;               // since the last drain
  std::atomic<Word> last_used;
  std::atomic<Word> refusal;             // 0: none since the last drain
  std::atomic<std::uint64_t> touched_s;  // for choosing whom to evict
};
static_assert(sizeof(Slot) == 64);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

struct alignas(64) Bucket {
  Slot slots[kSlots];
};

struct Table {
  std::atomic<std::uint64_t> magic;  // written last
  std::uint64_t version;
  std::uint64_t bytes;
  std::uint64_t bucket_count;
  std::uint64_t mark_words;
  DigestKey secret;
  alignas(64) SharedMutex mutex;
  std::atomic<std::uint64_t> used;                 // slots that have had an owner
  std::atomic<std::uint64_t> cursor;               // the bucket at which the next drain begins
  std::atomic<std::uint64_t> sweep;                // the same for unmarked ones
  alignas(64) std::atomic<std::uint64_t> clock_s;  // the latest that was told: remember() isn't

  // Behind this: a bit for each bucket that may hold something to drain, then the buckets.
  std::atomic<std::uint64_t> *marks() noexcept { return reinterpret_cast<std::atomic<std::uint64_t> *>(this + 1); }
  Bucket *buckets() noexcept { return reinterpret_cast<Bucket *>(marks() + mark_words); }
};

struct Name {
  std::uint64_t half[2];
};

struct Found {
  Slot *slot = nullptr;
  std::uint64_t bucket = 0;
};

Table *table_of(KeySlots *slots) noexcept { return reinterpret_cast<Table *>(slots); }
const Table *table_of(const KeySlots *slots) noexcept { return reinterpret_cast<const Table *>(slots); }

Name halves_of(const Digest &digest) noexcept {
  Name name;
  std::memcpy(name.half, digest.data(), sizeof(name.half));
  return name;
}

// A name that begins with 64 zero bits is none; one digest in 2^64 shares its slot with another.
Name name_of(const Digest &key) noexcept {
  Name name = halves_of(key);
  name.half[0] += name.half[0] == 0 ? 1 : 0;
  return name;
}

Digest prove(const Table &table, const Sha256 &sha, const Digest &tag) noexcept {
  char both[std::tuple_size_v<Sha256> + std::tuple_size_v<Digest>];
  std::memcpy(both, sha.data(), sha.size());
  std::memcpy(both + sha.size(), tag.data(), tag.size());
  return keyed_digest(table.secret, {both, sizeof(both)});
}

// ---- Finding slots --------------------------------------------------------------------------------------------------

void choices_of(const Table &table, const Name &name, std::uint64_t (&choices)[2]) noexcept {
  choices[0] = (name.half[0] >> 32) * table.bucket_count >> 32;
  choices[1] = (name.half[1] >> 32) * table.bucket_count >> 32;
  if (choices[1] == choices[0]) {
    choices[1] = choices[0] + 1 < table.bucket_count ? choices[0] + 1 : 0;
  }
}

bool is_of(const Slot &slot, const Name &name) noexcept {
  return slot.name[0].load(std::memory_order_relaxed) == name.half[0] &&
         slot.name[1].load(std::memory_order_relaxed) == name.half[1];
}

// Where in a bucket a search begins: mostly where it also ends.
std::size_t start_of(const Name &name) noexcept { return name.half[0] % kSlots; }

// The key's slot. Not one that is changing hands.
Found find(Table *table, const Name &name) noexcept {
  std::uint64_t choices[2];
  choices_of(*table, name, choices);
  for (const std::uint64_t choice : choices) {
    Bucket &bucket = table->buckets()[choice];
    for (std::size_t i = 0; i < kSlots; ++i) {
      Slot &slot = bucket.slots[(start_of(name) + i) % kSlots];
      if (is_of(slot, name) && value_of(slot.uses.load(std::memory_order_acquire)) != kTaken) {
        return {&slot, choice};
      }
    }
  }
  return {};
}

bool is_new(const Slot &slot) noexcept { return slot.name[0].load(std::memory_order_relaxed) == 0; }

bool has_proof(const Slot &slot) noexcept {
  return (slot.proof[0].load(std::memory_order_relaxed) | slot.proof[1].load(std::memory_order_relaxed)) != 0;
}

// Whom to evict first: nobody, one without a proof, the least recently used. Nothing undrained may be in it.
struct Rank {
  bool has_proof;
  std::uint64_t touched_s;
  bool operator<(const Rank &other) const noexcept {
    return has_proof != other.has_proof ? !has_proof : touched_s < other.touched_s;
  }
};

bool is_drained(const Slot &slot) noexcept {
  return value_of(slot.uses.load(std::memory_order_acquire)) == 0 &&
         value_of(slot.refusal.load(std::memory_order_acquire)) == 0;
}

bool is_free(const Slot &slot) noexcept {
  return is_new(slot) || value_of(slot.uses.load(std::memory_order_acquire)) == kTaken;
}

Rank rank_of(const Slot &slot) noexcept {
  return is_free(slot) ? Rank{false, 0} : Rank{has_proof(slot), slot.touched_s.load(std::memory_order_relaxed) + 1};
}

// Under the mutex.
Found choose(Table *table, const Name &name) noexcept {
  std::uint64_t choices[2];
  choices_of(*table, name, choices);
  Found best;
  Rank best_rank{};
  for (const std::uint64_t choice : choices) {
    for (std::size_t i = 0; i < kSlots; ++i) {
      Slot &slot = table->buckets()[choice].slots[(start_of(name) + i) % kSlots];
      const Rank rank = rank_of(slot);
      if ((is_free(slot) || is_drained(slot)) && (best.slot == nullptr || rank < best_rank)) {
        best = {&slot, choice};
        best_rank = rank;
      }
    }
  }
  return best;
}

// ---- Changing hands -------------------------------------------------------------------------------------------------

// Under the mutex: makes the slot nobody's, unless something was counted in it meanwhile. A refusal noted between the
// two swaps undoes the first.
bool vacate(Slot *slot) noexcept {
  Word uses = slot->uses.load(std::memory_order_acquire);
  if (value_of(uses) == kTaken) {  // left by a kill, perhaps between the two swaps
    slot->refusal.store(generation_of(uses));
    return true;
  }
  const Word generation = next_generation(uses);
  if (value_of(uses) != 0 || !slot->uses.compare_exchange_strong(uses, generation | kTaken)) {
    return false;
  }
  Word refusal = slot->refusal.load(std::memory_order_acquire);
  if (value_of(refusal) != 0 || !slot->refusal.compare_exchange_strong(refusal, generation)) {
    slot->uses.store(uses, std::memory_order_release);
    return false;
  }
  return true;
}

// Under the mutex, on a slot that is nobody's: the key's from the last store on.
void occupy(Table *table, Slot *slot, const Name &name) noexcept {
  const Word generation = generation_of(slot->uses.load(std::memory_order_relaxed));
  if (is_new(*slot)) {
    table->used.fetch_add(1, std::memory_order_relaxed);
  }
  for (std::size_t i = 0; i < 2; ++i) {
    slot->proof[i].store(0, std::memory_order_release);
    slot->name[i].store(name.half[i], std::memory_order_release);
  }
  slot->last_used.store(generation, std::memory_order_release);
  slot->refusal.store(generation, std::memory_order_release);
  slot->touched_s.store(table->clock_s.load(std::memory_order_relaxed), std::memory_order_release);
  slot->uses.store(generation, std::memory_order_release);
}

// The key's slot, under the mutex; one that it gets now, if need be.
Found find_or_take(Table *table, const Name &name) noexcept {
  Found found = find(table, name);
  for (std::size_t tries = 0; found.slot == nullptr && tries < 2 * kSlots; ++tries) {
    const Found chosen = choose(table, name);
    if (chosen.slot == nullptr) {
      return {};
    }
    if (vacate(chosen.slot)) {
      occupy(table, chosen.slot, name);
      return chosen;
    }
  }
  return found;
}

// ---- Counting -------------------------------------------------------------------------------------------------------

// After the change that it is about, which must be sequentially consistent too: whoever clears the mark looks at the
// bucket afterwards, so either the mark is seen here as cleared, or the change is seen there.
void mark(Table *table, std::uint64_t bucket) noexcept {
  std::atomic<std::uint64_t> &word = table->marks()[bucket / 64];
  const std::uint64_t bit = std::uint64_t{1} << (bucket % 64);
  if ((word.load() & bit) == 0) {
    word.fetch_or(bit);
  }
}

void note_clock(Table *table, std::int64_t now_s) noexcept {
  const Word second = second_of(now_s);
  if (second > table->clock_s.load(std::memory_order_relaxed)) {
    table->clock_s.store(second, std::memory_order_relaxed);
  }
}

// Raises the word's value in its generation; false if the slot has another by now.
bool raise(std::atomic<Word> *word, Word generation, Word value) noexcept {
  Word old = word->load(std::memory_order_relaxed);
  while (generation_of(old) == generation && value_of(old) < value) {
    if (word->compare_exchange_weak(old, generation | value)) {
      return true;
    }
  }
  return generation_of(old) == generation;
}

// Adds to the count, unless the slot is no longer the key's. The time goes first, so that no count is drained ahead
// of its time.
bool add_uses(Table *table, const Found &found, const Name &name, Word count, Word last_used_s) noexcept {
  Slot &slot = *found.slot;
  Word uses = slot.uses.load(std::memory_order_acquire);
  do {
    if (value_of(uses) == kTaken || !is_of(slot, name) || !raise(&slot.last_used, generation_of(uses), last_used_s)) {
      return false;
    }
  } while (!slot.uses.compare_exchange_weak(uses, generation_of(uses) | std::min(value_of(uses) + count, kMaxUses)));
  mark(table, found.bucket);
  return true;
}

// Sets the refusal; an older one only where there is none.
bool set_refusal(Table *table, const Found &found, const Name &name, Word value) noexcept {
  Slot &slot = *found.slot;
  const Word uses = slot.uses.load(std::memory_order_acquire);
  Word refusal = slot.refusal.load(std::memory_order_acquire);
  do {
    if (value_of(uses) == kTaken || !is_of(slot, name) || generation_of(refusal) != generation_of(uses)) {
      return false;
    }
    if ((value_of(refusal) & kMaxSecond) > (value & kMaxSecond)) {
      return true;
    }
  } while (!slot.refusal.compare_exchange_weak(refusal, generation_of(uses) | value));
  mark(table, found.bucket);
  return true;
}

void touch(Slot *slot, Word second) noexcept {
  if (slot->touched_s.load(std::memory_order_relaxed) < second) {
    slot->touched_s.store(second, std::memory_order_relaxed);
  }
}

// Does `change` to the key's slot: without a lock where it has one, else under the mutex, where it keeps what it gets.
template <typename Change>
bool in_slot(Table *table, const Name &name, Change change) noexcept {
  const Found found = find(table, name);
  if (found.slot != nullptr && change(found)) {
    return true;
  }
  const SharedLock lock(&table->mutex);
  if (!lock) {
    return false;
  }
  const Found own = find_or_take(table, name);
  return own.slot != nullptr && change(own);
}

// ---- Draining -------------------------------------------------------------------------------------------------------

bool drain_slot(Slot *slot, UsageDelta *out) noexcept {
  Word uses = slot->uses.load();
  Word last_used = 0;
  Word refusal = 0;
  Name name{};
  do {  // the name is of this generation if the swap succeeds, or if there is nothing to swap and the refusal's does
    if (value_of(uses) == kTaken) {
      return false;
    }
    refusal = slot->refusal.load();
    if (value_of(uses) == 0 && value_of(refusal) == 0) {
      return false;
    }
    name.half[0] = slot->name[0].load(std::memory_order_acquire);
    name.half[1] = slot->name[1].load(std::memory_order_acquire);
    last_used = slot->last_used.load(std::memory_order_acquire);
  } while (value_of(uses) != 0 && !slot->uses.compare_exchange_weak(uses, generation_of(uses)));

  *out = UsageDelta{};
  std::memcpy(out->key.data(), name.half, sizeof(name.half));
  out->uses = value_of(uses);
  out->last_used_s = out->uses == 0 ? 0 : static_cast<std::int64_t>(value_of(last_used));
  if (generation_of(refusal) == generation_of(uses) && value_of(refusal) != 0 &&
      slot->refusal.compare_exchange_strong(refusal, generation_of(refusal))) {
    out->refusal = static_cast<std::uint8_t>(value_of(refusal) >> kSecondBits);
    out->refused_s = static_cast<std::int64_t>(value_of(refusal) & kMaxSecond);
  }
  return out->uses != 0 || out->refusal != 0;
}

// false if `out` became full: the bucket may hold more.
bool drain_bucket(Bucket *bucket, UsageDelta *out, std::size_t capacity, std::size_t *taken) noexcept {
  for (Slot &slot : bucket->slots) {
    if (*taken == capacity) {
      return false;
    }
    *taken += drain_slot(&slot, out + *taken) ? 1U : 0U;
  }
  return true;
}

// Once around over the marks, from the bucket at which the last drain ended.
std::size_t drain_marked(Table *table, UsageDelta *out, std::size_t capacity) noexcept {
  const std::uint64_t cursor = table->cursor.load(std::memory_order_relaxed) % table->bucket_count;
  const std::uint64_t words = (table->bucket_count + 63) / 64;
  const std::uint64_t from_cursor = ~std::uint64_t{0} << (cursor % 64);
  std::size_t taken = 0;
  for (std::uint64_t i = 0; i <= words; ++i) {  // the cursor's own word at both ends
    const std::uint64_t at = (cursor / 64 + i) % words;
    std::uint64_t marks = table->marks()[at].load();
    marks &= i == 0 ? from_cursor : i == words ? ~from_cursor : ~std::uint64_t{0};
    for (; marks != 0; marks &= marks - 1) {
      const std::uint64_t bucket = at * 64 + static_cast<std::uint64_t>(__builtin_ctzll(marks));
      table->marks()[at].fetch_and(~(marks & -marks));  // before the bucket is looked at, see mark()
      if (!drain_bucket(table->buckets() + bucket, out, capacity, &taken)) {
        mark(table, bucket);
        table->cursor.store(bucket + 1, std::memory_order_relaxed);
        return taken;
      }
    }
  }
  return taken;
}

// ---- Copying --------------------------------------------------------------------------------------------------------

// What one slot remembers; false if it is nobody's, has no proof or changes hands. A mixture of two proofs proves
// nothing.
bool read_proof(const Slot &slot, Name *name, Name *proof, std::uint64_t *touched_s) noexcept {
  const Word uses = slot.uses.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < 2; ++i) {
    name->half[i] = slot.name[i].load(std::memory_order_acquire);
    proof->half[i] = slot.proof[i].load(std::memory_order_acquire);
  }
  *touched_s = slot.touched_s.load(std::memory_order_acquire);
  return name->half[0] != 0 && (proof->half[0] | proof->half[1]) != 0 && value_of(uses) != kTaken &&
         generation_of(slot.uses.load(std::memory_order_acquire)) == generation_of(uses);
}

void copy_slot(Table *table, const Slot &slot) noexcept {
  Name name{};
  Name proof{};
  std::uint64_t touched_s = 0;
  if (!read_proof(slot, &name, &proof, &touched_s) || find(table, name).slot != nullptr) {
    return;
  }
  const Found chosen = choose(table, name);
  if (chosen.slot == nullptr || Rank{true, touched_s + 1} < rank_of(*chosen.slot) || !vacate(chosen.slot)) {
    return;
  }
  occupy(table, chosen.slot, name);
  for (std::size_t i = 0; i < 2; ++i) {
    chosen.slot->proof[i].store(proof.half[i], std::memory_order_release);
  }
  chosen.slot->touched_s.store(touched_s, std::memory_order_release);
}

}  // namespace

void KeySlots::copy_from(KeySlots *other) noexcept {
  Table *table = table_of(this);
  Table *from = table_of(other);
  table->secret = from->secret;
  table->clock_s.store(from->clock_s.load(std::memory_order_relaxed), std::memory_order_relaxed);
  for (std::uint64_t i = 0; i < from->bucket_count; ++i) {
    for (const Slot &slot : from->buckets()[i].slots) {
      copy_slot(table, slot);
    }
  }
}

KeySlots *KeySlots::create(void *memory, std::size_t bytes) noexcept {
  auto *table = static_cast<Table *>(memory);
  if (bytes < sizeof(Table) + sizeof(Bucket) * 3 || !table->mutex.init()) {
    return nullptr;
  }
  const std::uint64_t most = (bytes - sizeof(Table)) / sizeof(Bucket);
  table->mark_words = (most / 64 + 8) / 8 * 8;  // whole lines
  table->bucket_count = (bytes - sizeof(Table) - table->mark_words * sizeof(std::uint64_t)) / sizeof(Bucket);
  table->bucket_count = std::min<std::uint64_t>(table->bucket_count, 0xffff'ffff);
  table->version = kVersion;
  table->bytes = bytes;
  fill_random(table->secret.data(), table->secret.size());
  table->magic.store(kMagic, std::memory_order_release);
  return reinterpret_cast<KeySlots *>(table);
}

KeySlots *KeySlots::adopt(void *memory, std::size_t bytes) noexcept {
  auto *table = static_cast<Table *>(memory);
  const bool known = bytes >= sizeof(Table) && table->magic.load(std::memory_order_acquire) == kMagic &&
                     table->version == kVersion && table->bytes == bytes;
  return known ? reinterpret_cast<KeySlots *>(table) : nullptr;
}

bool KeySlots::remember(const Digest &key, const Sha256 &sha, const Digest &tag) noexcept {
  Table *table = table_of(this);
  const Name name = name_of(key);
  const Name proof = halves_of(prove(*table, sha, tag));
  const SharedLock lock(&table->mutex);
  if (!lock) {
    return false;
  }
  const Found found = find_or_take(table, name);
  if (found.slot == nullptr) {
    return false;
  }
  found.slot->proof[0].store(proof.half[0], std::memory_order_release);
  found.slot->proof[1].store(proof.half[1], std::memory_order_release);
  touch(found.slot, table->clock_s.load(std::memory_order_relaxed));
  return true;
}

bool KeySlots::proven(const Digest &key, const Sha256 &sha, const Digest &tag, std::int64_t now_s) noexcept {
  Table *table = table_of(this);
  const Found found = find(table, name_of(key));
  if (found.slot == nullptr || !has_proof(*found.slot)) {
    return false;
  }
  const Name proof = halves_of(prove(*table, sha, tag));
  const std::uint64_t difference = (found.slot->proof[0].load(std::memory_order_acquire) ^ proof.half[0]) |
                                   (found.slot->proof[1].load(std::memory_order_acquire) ^ proof.half[1]);
  if (difference != 0) {
    return false;
  }
  note_clock(table, now_s);
  touch(found.slot, second_of(now_s));
  return true;
}

bool KeySlots::count_use(const Digest &key, std::int64_t now_s) noexcept {
  Table *table = table_of(this);
  const Name name = name_of(key);
  const Word second = second_of(now_s);
  note_clock(table, now_s);
  return in_slot(table, name, [&](const Found &found) noexcept {
    touch(found.slot, second);
    return add_uses(table, found, name, 1, second);
  });
}

bool KeySlots::note_refusal(const Digest &key, std::uint8_t reason, std::int64_t now_s) noexcept {
  Table *table = table_of(this);
  const Name name = name_of(key);
  const Word value = Word{reason} << kSecondBits | second_of(now_s);
  note_clock(table, now_s);
  return in_slot(table, name, [&](const Found &found) noexcept { return set_refusal(table, found, name, value); });
}

std::size_t KeySlots::drain(UsageDelta *out, std::size_t capacity) noexcept {
  Table *table = table_of(this);
  std::size_t taken = drain_marked(table, out, capacity);
  std::uint64_t sweep = table->sweep.load(std::memory_order_relaxed) % table->bucket_count;
  const std::uint64_t swept = std::min(kSweptBuckets, table->bucket_count);
  for (std::uint64_t i = 0; i < swept && drain_bucket(table->buckets() + sweep, out, capacity, &taken); ++i) {
    sweep = sweep + 1 < table->bucket_count ? sweep + 1 : 0;
  }
  table->sweep.store(sweep, std::memory_order_relaxed);
  return taken;
}

bool KeySlots::put_back(const UsageDelta &delta) noexcept {
  Table *table = table_of(this);
  const Name name = name_of(delta.key);
  bool kept = true;
  if (delta.uses != 0) {
    const Word uses = std::min(delta.uses, kMaxUses);
    kept = in_slot(table, name, [&](const Found &found) noexcept {
      return add_uses(table, found, name, uses, second_of(delta.last_used_s));
    });
  }
  if (delta.refusal != 0) {
    const Word value = Word{delta.refusal} << kSecondBits | second_of(delta.refused_s);
    kept = in_slot(table, name, [&](const Found &found) noexcept { return set_refusal(table, found, name, value); }) &&
           kept;
  }
  return kept;
}

KeySlots::Stats KeySlots::stats() const noexcept {
  const Table *table = table_of(this);
  Stats stats;
  stats.slots = table->bucket_count * kSlots;
  stats.used = table->used.load(std::memory_order_relaxed);
  return stats;
}

}  // namespace keyward
