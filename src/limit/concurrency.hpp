// How many requests of one name are being served, over all processes: exact, and right again when a process is killed.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"

namespace keyward {

// A table of places in memory that several processes share and that was zeroed once. It is valid at every instruction:
// a process may be killed anywhere, and what it held is free from then on. For one thread of each process.
class ConcurrencyTable {
 public:
  // Lays a new, empty table into zeroed memory (aligned to 64) that is shared already; about 70 KB of its own, and 1 KB
  // for each 16 names. nullptr if bytes are too few for that.
  static ConcurrencyTable *create(void *memory, std::size_t bytes) noexcept;
  // The table that create() laid there, in this or another process (after a reload); nullptr if it isn't one of this
  // version and size.
  static ConcurrencyTable *adopt(void *memory, std::size_t bytes) noexcept;

  // A process as the holder of places. They are free when it ends, as they are when the process is killed.
  class Member {
   public:
    Member() = default;
    Member(Member &&other) noexcept;
    Member &operator=(Member &&other) noexcept;
    ~Member();
    explicit operator bool() const noexcept { return id_ != 0; }
    const ConcurrencyTable *table() const noexcept { return table_; }

   private:
    friend class ConcurrencyTable;
    ConcurrencyTable *table_ = nullptr;
    std::uint32_t id_ = 0;
  };
  // Once in each process, by the thread that will end it; none where 1,024 processes hold places already.
  Member join() noexcept;

  // One that was taken; give_back() or the member's end frees it.
  struct Place {
    std::atomic<std::uint64_t> *lane = nullptr;
    std::uint32_t holder = 0;
  };
  enum class Taking : std::uint8_t {
    taken,
    too_many,
    failed,  // no member, no room for the name, or somebody was stopped at it
  };
  // Atomically: takes one of `most` places of this name (a keyed digest), or none.
  Taking take(const Member &member, const Digest &name, std::uint32_t most, Place *place) noexcept;
  // Whether what is taken of the name, by whom it may, is within `most`: for who has a place of it already.
  Taking look(const Member &member, const Digest &name, std::uint32_t most) noexcept;
  // By the process that took it; nothing where its member has ended.
  static void give_back(const Place &place) noexcept;

  // What living processes hold of the name; for tests.
  std::uint64_t held(const Digest &name) noexcept;

 private:
  ConcurrencyTable() = default;

  template <typename Then>
  Taking fewer_than(std::uint64_t most, const Member &member, const Digest &name, Then then) noexcept;
};

}  // namespace keyward
