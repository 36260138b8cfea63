// Shards of places with open addressing, each under a robust mutex.
//
// A balance has two copies of its state, and a word that says which one counts: a change writes the other copy, then
// the word. So whoever is killed leaves the old state or the new one, and the mutex's next holder goes on from there. A
// place is made the same way: its name and state first, then the word.
#include "limit/credits.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "base/digest.hpp"

namespace keyward {
namespace {

constexpr std::uint64_t kMagic = 0x6b77'6372'6564'6974;  // "kwcredit"
constexpr std::uint64_t kVersion = 1;
constexpr std::size_t kShards = 256;

// A place's word: nobody's and never used, one of the two copies, or nobody's by now.
constexpr std::uint32_t kFree = 0, kFirst = 1, kSecond = 2, kLeft = 3;

struct Place {
  std::atomic<std::uint32_t> word;
  std::uint64_t name[2];
  std::uint64_t saved_change;  // CreditState::change when it was last saved
  CreditState copies[2];

  bool is_used() const noexcept {
    const std::uint32_t which = word.load(std::memory_order_acquire);
    return which == kFirst || which == kSecond;
  }
  const CreditState &state() const noexcept { return copies[word.load(std::memory_order_acquire) - kFirst]; }
  void set(const CreditState &state) noexcept {
    const std::uint32_t next = word.load(std::memory_order_relaxed) == kFirst ? kSecond : kFirst;
    copies[next - kFirst] = state;
    word.store(next, std::memory_order_release);
  }
};
static_assert(std::is_trivially_copyable_v<CreditState>);

struct alignas(64) Shard {
  SharedMutex mutex;
  std::atomic<std::uint64_t> changes;  // of any of its places
  std::atomic<std::uint64_t> saved;    // `changes`, when all was saved
  std::atomic<std::uint32_t> used;
  std::atomic<std::uint32_t> closed;  // another table has its balances
};

struct Table {
  std::atomic<std::uint64_t> magic;  // written last
  std::uint64_t version;
  std::uint64_t bytes;
  std::uint64_t id;
  std::uint64_t per_shard;
  std::atomic<std::uint32_t> loaded;
  std::atomic<std::uint32_t> incomplete;  // the store has balances that found no room
  std::atomic<std::uint64_t> saved_ms;
  alignas(64) SharedMutex transfer;
  Shard shards[kShards];

  Place *places(std::size_t shard) noexcept { return reinterpret_cast<Place *>(this + 1) + shard * per_shard; }
};

Table *table_of(CreditTable *table) noexcept { return reinterpret_cast<Table *>(table); }
const Table *table_of(const CreditTable *table) noexcept { return reinterpret_cast<const Table *>(table); }

// Where a balance is, or would be; what the mutex of its shard is held for.
class Account {
 public:
  Account(Table *table, const Digest &name) noexcept : table_(table) {
    std::memcpy(name_, name.data(), sizeof(name_));
    index_ = name_[0] % kShards;
    home_ = (name_[1] >> 32) * table->per_shard >> 32;
  }

  Shard &shard() const noexcept { return table_->shards[index_]; }

  // The place that has it; nullptr: none. Then free() is where it can be made.
  Place *find() noexcept {
    Place *places = table_->places(index_);
    for (std::size_t i = 0, at = home_; i < table_->per_shard; ++i, at = at + 1 == table_->per_shard ? 0 : at + 1) {
      Place &place = places[at];
      const std::uint32_t word = place.word.load(std::memory_order_acquire);
      if (word == kFirst || word == kSecond) {
        if (place.name[0] == name_[0] && place.name[1] == name_[1]) {
          return &place;
        }
        continue;
      }
      free_ = free_ != nullptr ? free_ : &place;
      if (word == kFree) {
        break;
      }
    }
    return nullptr;
  }
  Place *free() const noexcept { return free_; }

  // Into a free place.
  void make(const CreditState &state, std::uint64_t saved_change) const noexcept {
    std::memcpy(free_->name, name_, sizeof(name_));
    free_->saved_change = saved_change;
    free_->set(state);
    shard().used.fetch_add(1, std::memory_order_relaxed);
  }

 private:
  Table *table_;
  std::uint64_t name_[2];
  std::size_t index_ = 0;
  std::uint64_t home_ = 0;
  Place *free_ = nullptr;
};

bool is_open(const Table &table, std::uint64_t now_ms) noexcept {
  return table.loaded.load(std::memory_order_acquire) != 0 &&
         now_ms < table.saved_ms.load(std::memory_order_relaxed) + CreditTable::kMaxUnsavedMs;
}

void note_change(Shard *shard) noexcept { shard->changes.fetch_add(1, std::memory_order_release); }

// Under the mutex.
CreditResult settle(Table *table, Account *account, const CreditCharge &ask, bool take) noexcept {
  CreditResult result;
  Place *place = account->find();
  if (place == nullptr && (account->free() == nullptr || table->incomplete.load(std::memory_order_acquire) != 0)) {
    result.outcome = CreditResult::Outcome::no_room;
    return result;
  }
  CreditState state = place != nullptr ? place->state() : CreditState();
  credit_rule::catch_up(ask.terms, ask.now_s, &state);
  const std::uint64_t paid = ask.paid.epoch == state.epoch ? ask.paid.amount : 0;
  const std::uint64_t due = ask.cost - std::min(paid, ask.cost);
  result.left = credit_rule::balance(ask.terms, state);
  result.renews_s = ask.terms.allowance.window_s != 0 ? state.period_end_s : 0;
  result.paid = {state.epoch, paid};
  const bool fits = due == 0 || static_cast<std::int64_t>(due) <= result.left;
  result.outcome = fits ? CreditResult::Outcome::admitted : CreditResult::Outcome::too_few;
  if (!fits || !take || due == 0) {
    return result;
  }
  state.spent += static_cast<std::int64_t>(due);
  state.own += static_cast<std::int64_t>(due);
  ++state.change;
  result.left -= static_cast<std::int64_t>(due);
  result.paid.amount += due;
  note_change(&account->shard());  // first: a state that was saved too often does no harm
  if (place != nullptr) {
    place->set(state);
  } else {
    account->make(state, 0);
  }
  return result;
}

CreditResult charge_or_look(Table *table, const CreditCharge &ask, std::uint64_t now_ms, bool take) noexcept {
  if (!is_open(*table, now_ms)) {
    return {};
  }
  Account account(table, ask.account);
  const SharedLock lock(&account.shard().mutex);
  if (!lock || account.shard().closed.load(std::memory_order_relaxed) != 0) {
    return {};
  }
  return settle(table, &account, ask, take);
}

}  // namespace

CreditTable *CreditTable::create(void *memory, std::size_t bytes) noexcept {
  auto *table = static_cast<Table *>(memory);
  if (bytes < sizeof(Table) + kShards * sizeof(Place) || !table->transfer.init() ||
      !std::all_of(std::begin(table->shards), std::end(table->shards),
                   [](Shard &shard) { return shard.mutex.init(); })) {
    return nullptr;
  }
  table->version = kVersion;
  table->bytes = bytes;
  table->per_shard = (bytes - sizeof(Table)) / sizeof(Place) / kShards;
  fill_random(&table->id, sizeof(table->id));
  table->magic.store(kMagic, std::memory_order_release);
  return reinterpret_cast<CreditTable *>(table);
}

CreditTable *CreditTable::adopt(void *memory, std::size_t bytes) noexcept {
  auto *table = static_cast<Table *>(memory);
  const bool known = bytes >= sizeof(Table) && table->magic.load(std::memory_order_acquire) == kMagic &&
                     table->version == kVersion && table->bytes == bytes;
  return known ? reinterpret_cast<CreditTable *>(table) : nullptr;
}

CreditResult CreditTable::charge(const CreditCharge &charge, std::uint64_t now_ms) noexcept {
  return charge_or_look(table_of(this), charge, now_ms, true);
}

CreditResult CreditTable::look(const CreditCharge &charge, std::uint64_t now_ms) noexcept {
  return charge_or_look(table_of(this), charge, now_ms, false);
}

void CreditTable::refund(const Digest &name, const CreditPayment &what) noexcept {
  Account account(table_of(this), name);
  const SharedLock lock(&account.shard().mutex);
  Place *place = lock && account.shard().closed.load(std::memory_order_relaxed) == 0 ? account.find() : nullptr;
  if (place == nullptr || place->state().epoch != what.epoch) {
    return;
  }
  CreditState state = place->state();
  const std::int64_t amount = std::min(static_cast<std::int64_t>(what.amount), state.spent);
  state.spent -= amount;
  state.own -= amount;
  ++state.change;
  note_change(&account.shard());
  place->set(state);
}

void CreditTable::take_from(CreditTable *other) noexcept {
  Table *to = table_of(this);
  Table *from = table_of(other);
  bool whole =
      from->loaded.load(std::memory_order_acquire) != 0 && from->incomplete.load(std::memory_order_acquire) == 0;
  for (std::size_t i = 0; i < kShards; ++i) {
    Shard &shard = from->shards[i];
    const SharedLock lock(&shard.mutex);
    if (!lock) {  // somebody was stopped while holding it: the store has what was saved
      whole = false;
      continue;
    }
    shard.closed.store(1, std::memory_order_relaxed);
    Place *places = from->places(i);
    for (std::size_t j = 0; j < from->per_shard; ++j) {
      if (!places[j].is_used()) {
        continue;
      }
      Digest name;
      std::memcpy(name.data(), places[j].name, sizeof(places[j].name));
      Account account(to, name);
      const SharedLock mine(&account.shard().mutex);
      if (!mine || account.find() != nullptr || account.free() == nullptr) {
        to->incomplete.store(1, std::memory_order_release);
        continue;
      }
      note_change(&account.shard());
      account.make(places[j].state(), places[j].saved_change);
    }
  }
  to->saved_ms.store(from->saved_ms.load(std::memory_order_relaxed), std::memory_order_relaxed);
  to->loaded.store(whole ? 1 : 0, std::memory_order_release);  // else the store's are taken in once more
}

SharedMutex &CreditTable::transfer() noexcept { return table_of(this)->transfer; }

std::uint64_t CreditTable::id() const noexcept { return table_of(this)->id; }

bool CreditTable::is_loaded() const noexcept { return table_of(this)->loaded.load(std::memory_order_acquire) != 0; }

void CreditTable::set_loaded(std::uint64_t now_ms) noexcept {
  note_all_saved(now_ms);
  table_of(this)->loaded.store(1, std::memory_order_release);
}

bool CreditTable::take_in(const CarriedCredits &stored) noexcept {
  Table *table = table_of(this);
  Account account(table, stored.account);
  const SharedLock lock(&account.shard().mutex);
  if (lock && account.find() != nullptr) {
    return true;  // by another process, which was killed while it took them in
  }
  if (!lock || account.free() == nullptr) {
    table->incomplete.store(1, std::memory_order_release);
    return false;
  }
  CreditState state = stored.state;
  state.own = state.synced = 0;
  account.make(state, state.change);
  return true;
}

std::size_t CreditTable::parts() const noexcept { return kShards; }

std::size_t CreditTable::carry(std::size_t *part, std::size_t *within, CarriedCredits *out,
                               std::size_t capacity) noexcept {
  Table *table = table_of(this);
  std::size_t taken = 0;
  for (; *part < kShards; ++*part, *within = 0) {
    Shard &shard = table->shards[*part];
    // Before its places are looked at: what changes meanwhile is the next save's.
    const std::uint64_t changes = shard.changes.load(std::memory_order_acquire);
    if (*within == 0 && changes == shard.saved.load(std::memory_order_relaxed)) {
      continue;
    }
    Place *places = table->places(*part);
    const bool begins = *within == 0;
    const std::size_t before = taken;
    while (*within < table->per_shard) {
      if (capacity - taken < kCarryRoom) {
        return taken;
      }
      const std::size_t end = std::min<std::size_t>(*within + kCarryRoom, table->per_shard);
      const SharedLock lock(&shard.mutex);
      if (!lock || shard.closed.load(std::memory_order_relaxed) != 0) {
        break;
      }
      for (; *within < end; ++*within) {
        const Place &place = places[*within];
        if (place.is_used() && place.state().change != place.saved_change) {
          CarriedCredits &one = out[taken++];
          std::memcpy(one.account.data(), place.name, sizeof(place.name));
          one.state = place.state();
          one.place = *part * table->per_shard + *within;
        }
      }
    }
    if (begins && taken == before && *within == table->per_shard) {
      shard.saved.store(changes, std::memory_order_relaxed);  // after the save that found it all
    }
  }
  return taken;
}

void CreditTable::note_saved(const CarriedCredits &sent, const CreditState &merged) noexcept {
  Table *table = table_of(this);
  Account account(table, sent.account);
  Shard &shard = account.shard();
  const SharedLock lock(&shard.mutex);
  Place *place = lock ? table->places(0) + sent.place : nullptr;
  if (place == nullptr || !place->is_used() ||
      std::memcmp(place->name, sent.account.data(), sizeof(place->name)) != 0) {
    return;
  }
  CreditState state = place->state();
  credit_rule::adopt(sent.state, merged, &state);
  place->set(state);
  place->saved_change = sent.state.change;
}

void CreditTable::note_all_saved(std::uint64_t now_ms) noexcept {
  table_of(this)->saved_ms.store(now_ms, std::memory_order_relaxed);
}

bool CreditTable::forget(const Digest &name, std::int64_t now_s) noexcept {
  Account account(table_of(this), name);
  Shard &shard = account.shard();
  const SharedLock lock(&shard.mutex);
  Place *place = lock ? account.find() : nullptr;
  if (!lock || (place != nullptr && !credit_rule::is_dormant(place->state(), now_s))) {
    return false;
  }
  if (place != nullptr) {
    place->word.store(kLeft, std::memory_order_release);
    shard.used.fetch_sub(1, std::memory_order_relaxed);
  }
  return true;
}

CreditTable::Stats CreditTable::stats() const noexcept {
  const Table *table = table_of(this);
  Stats stats;
  stats.places = table->per_shard * kShards;
  for (const Shard &shard : table->shards) {
    stats.used += shard.used.load(std::memory_order_relaxed);
  }
  return stats;
}

}  // namespace keyward
