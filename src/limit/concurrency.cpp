// Counts by name and holder, under a robust mutex for each part of the table.
//
// Why it is exact. A name's places are counted and taken under one mutex. They are given back without it, by a store to
// a lane that only its holder writes while there is a count in it: so a count may be lower by then than what was added
// up, and never higher.
//
// Why a kill does no harm. There is no sum that could be wrong: what is held is what the lanes of living processes say,
// and each step is one store to a lane. A process lives while it holds the mutex of its seat, which the kernel takes
// from it when it dies, whatever its id is then given to. Who finds the dead one's seat ends its generation, and with
// that all of its lanes at once; nobody has to sweep them. So places are free as soon as anybody is about to be refused
// for them.
#include "limit/concurrency.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "limit/shared_mutex.hpp"

namespace keyward {
namespace {

constexpr std::uint64_t kMagic = 0x6b77'636f'6e63'7572;  // "kwconcur"
constexpr std::uint64_t kVersion = 1;
constexpr std::size_t kRows = 16, kLanes = 7, kShards = 64;

// A holder: its seat, and above that the seat's generation, which is never 0 for one that is taken.
constexpr int kSeatBits = 10;
constexpr std::uint32_t kSeats = 1U << kSeatBits;
constexpr std::uint32_t kGenerations = 1U << (32 - kSeatBits);
std::uint32_t seat_in(std::uint32_t holder) noexcept { return holder & (kSeats - 1); }
std::uint32_t generation_in(std::uint32_t holder) noexcept { return holder >> kSeatBits; }

// A lane: a holder above how many places it has.
using Lane = std::atomic<std::uint64_t>;
static_assert(Lane::is_always_lock_free);
std::uint32_t holder_in(std::uint64_t word) noexcept { return static_cast<std::uint32_t>(word >> 32); }
std::uint32_t count_in(std::uint64_t word) noexcept { return static_cast<std::uint32_t>(word); }

struct alignas(64) Seat {
  SharedMutex life;  // held by the process for as long as it lives
  std::atomic<std::uint32_t> generation;
};

struct alignas(64) Shard {
  SharedMutex mutex;
};

// A row is a name's lanes; a name with more holders than one has lanes for has several rows.
struct alignas(64) Bucket {
  std::atomic<std::uint64_t> tags[kRows];
  Lane lanes[kRows][kLanes];
};
static_assert(sizeof(Bucket) == 1024);

struct Table {
  std::atomic<std::uint64_t> magic;  // written last
  std::uint64_t version, bytes, bucket_count;
  Seat seats[kSeats];
  Shard shards[kShards];

  Bucket *buckets() noexcept { return reinterpret_cast<Bucket *>(this + 1); }
};

Table *table_of(ConcurrencyTable *table) noexcept { return reinterpret_cast<Table *>(table); }

std::uint32_t next_generation(std::uint32_t generation) noexcept {
  return std::max((generation + 1) % kGenerations, 1U);
}

// Whether the lane's holder hasn't ended, as far as anybody has seen. Costs a look.
bool is_current(Table *table, std::uint32_t holder) noexcept {
  return table->seats[seat_in(holder)].generation.load(std::memory_order_acquire) == generation_in(holder);
}

// The same, and sees for itself.
bool is_alive(Table *table, std::uint32_t holder) noexcept {
  Seat &seat = table->seats[seat_in(holder)];
  if (!is_current(table, holder)) {
    return false;
  }
  if (!seat.life.try_lock()) {
    return is_current(table, holder);  // another process may have the seat by now
  }
  if (is_current(table, holder)) {
    seat.generation.store(next_generation(generation_in(holder)), std::memory_order_release);
  }
  seat.life.unlock();
  return false;
}

// What a name's rows say.
struct Count {
  std::uint64_t held = 0;
  Lane *own = nullptr;   // of the member
  Lane *free = nullptr;  // of nobody
};

// What the mutex of the bucket is held for.
class Name {
 public:
  Name(Table *table, const Digest &name, std::uint32_t me) noexcept : table_(table), me_(me) {
    std::memcpy(&tag_, name.data(), sizeof(tag_));
    tag_ = tag_ == 0 ? 1 : tag_;
    const std::uint64_t index = (tag_ >> 32) * table->bucket_count >> 32;
    bucket_ = table->buckets() + index;
    shard_ = &table->shards[index % kShards];
  }

  SharedMutex *mutex() const noexcept { return &shard_->mutex; }

  // sure: sees for itself whether others live that hold any.
  Count count(bool sure) const noexcept {
    Count count;
    for (std::size_t row = 0; row < kRows; ++row) {
      if (bucket_->tags[row].load(std::memory_order_relaxed) != tag_) {
        continue;
      }
      for (Lane &lane : bucket_->lanes[row]) {
        const std::uint64_t word = lane.load(std::memory_order_acquire);
        if (me_ != 0 && holder_in(word) == me_) {
          count.own = &lane;
          count.held += count_in(word);
        } else if (is_held(word, sure)) {
          count.held += count_in(word);
        } else if (count.free == nullptr) {
          count.free = &lane;
        }
      }
    }
    return count;
  }

  // A row that nobody holds anything in becomes the name's. nullptr: there is none.
  Lane *claim_row(bool sure) const noexcept {
    for (std::size_t row = 0; row < kRows; ++row) {
      Lane(&lanes)[kLanes] = bucket_->lanes[row];
      if (std::none_of(std::begin(lanes), std::end(lanes),
                       [&](const Lane &lane) { return is_held(lane.load(std::memory_order_acquire), sure); })) {
        bucket_->tags[row].store(tag_, std::memory_order_release);
        return &lanes[0];
      }
    }
    return nullptr;
  }

 private:
  bool is_held(std::uint64_t word, bool sure) const noexcept {
    const std::uint32_t holder = holder_in(word);
    return count_in(word) != 0 && (holder == me_ || (sure ? is_alive(table_, holder) : is_current(table_, holder)));
  }

  Table *table_;
  std::uint32_t me_;
  std::uint64_t tag_ = 0;
  Bucket *bucket_;
  Shard *shard_;
};

// As few as there seem to be, or as there are where that would be too many.
Count count_against(const Name &name, std::uint64_t most) noexcept {
  const Count count = name.count(false);
  return count.held < most ? count : name.count(true);
}

}  // namespace

// What then() says, under the name's mutex, where fewer than `most` places of it are held.
template <typename Then>
ConcurrencyTable::Taking ConcurrencyTable::fewer_than(std::uint64_t most, const Member &member, const Digest &digest,
                                                      Then then) noexcept {
  const Name name(table_of(this), digest, member.id_);
  if (!member) {
    return Taking::failed;
  }
  const SharedLock lock(name.mutex());
  if (!lock) {
    return Taking::failed;
  }
  const Count count = count_against(name, most);
  return count.held < most ? then(name, count) : Taking::too_many;
}

ConcurrencyTable *ConcurrencyTable::create(void *memory, std::size_t bytes) noexcept {
  auto *table = static_cast<Table *>(memory);
  if (bytes < sizeof(Table) + sizeof(Bucket)) {
    return nullptr;
  }
  const auto init = [](auto &one, SharedMutex &mutex) { return (static_cast<void>(one), mutex.init()); };
  if (!std::all_of(std::begin(table->seats), std::end(table->seats),
                   [&](Seat &seat) { return init(seat, seat.life); }) ||
      !std::all_of(std::begin(table->shards), std::end(table->shards),
                   [&](Shard &shard) { return init(shard, shard.mutex); })) {
    return nullptr;
  }
  table->version = kVersion;
  table->bytes = bytes;
  table->bucket_count = std::min<std::uint64_t>((bytes - sizeof(Table)) / sizeof(Bucket), 0xffff'ffff);
  table->magic.store(kMagic, std::memory_order_release);
  return reinterpret_cast<ConcurrencyTable *>(table);
}

ConcurrencyTable *ConcurrencyTable::adopt(void *memory, std::size_t bytes) noexcept {
  auto *table = static_cast<Table *>(memory);
  const bool known = bytes >= sizeof(Table) && table->magic.load(std::memory_order_acquire) == kMagic &&
                     table->version == kVersion && table->bytes == bytes;
  return known ? reinterpret_cast<ConcurrencyTable *>(table) : nullptr;
}

ConcurrencyTable::Member ConcurrencyTable::join() noexcept {
  Table *table = table_of(this);
  Member member;
  for (std::uint32_t i = 0; i < kSeats; ++i) {
    Seat &seat = table->seats[i];
    if (seat.life.try_lock()) {
      const std::uint32_t generation = next_generation(seat.generation.load(std::memory_order_relaxed));
      seat.generation.store(generation, std::memory_order_release);
      member.table_ = this;
      member.id_ = generation << kSeatBits | i;
      break;
    }
  }
  return member;
}

ConcurrencyTable::Member::Member(Member &&other) noexcept
    : table_(std::exchange(other.table_, nullptr)), id_(std::exchange(other.id_, 0)) {}

ConcurrencyTable::Member &ConcurrencyTable::Member::operator=(Member &&other) noexcept {
  std::swap(table_, other.table_);
  std::swap(id_, other.id_);
  return *this;
}

ConcurrencyTable::Member::~Member() {
  if (id_ != 0) {
    Seat &seat = table_of(table_)->seats[seat_in(id_)];
    seat.generation.store(next_generation(generation_in(id_)), std::memory_order_release);
    seat.life.unlock();
  }
}

ConcurrencyTable::Taking ConcurrencyTable::take(const Member &member, const Digest &digest, std::uint32_t most,
                                                Place *place) noexcept {
  return fewer_than(most, member, digest, [&](const Name &name, const Count &count) {
    Lane *lane = count.own != nullptr ? count.own : count.free;
    lane = lane != nullptr ? lane : name.claim_row(false);
    lane = lane != nullptr ? lane : name.claim_row(true);
    if (lane == nullptr) {
      return Taking::failed;
    }
    const std::uint64_t mine = std::uint64_t{member.id_} << 32;
    lane->store(lane == count.own ? lane->load(std::memory_order_relaxed) + 1 : mine | 1, std::memory_order_release);
    *place = {lane, member.id_};
    return Taking::taken;
  });
}

ConcurrencyTable::Taking ConcurrencyTable::look(const Member &member, const Digest &digest,
                                                std::uint32_t most) noexcept {
  return fewer_than(std::uint64_t{most} + 1, member, digest, [](const Name &, const Count &) { return Taking::taken; });
}

void ConcurrencyTable::give_back(const Place &place) noexcept {
  const std::uint64_t word = place.lane->load(std::memory_order_relaxed);
  if (holder_in(word) == place.holder) {
    place.lane->store(word - 1, std::memory_order_release);
  }
}

std::uint64_t ConcurrencyTable::held(const Digest &digest) noexcept {
  const Name name(table_of(this), digest, 0);
  const SharedLock lock(name.mutex());
  return lock ? name.count(true).held : 0;
}

}  // namespace keyward
