// One environment takes another's place, for all readers and writers at once: what compact and restore are made of.
//
// The new one is filled in X.making, synced, and renamed to X.next. Then one system call exchanges X.next and X, the
// store's folder is synced, and `retired` is committed into the old one, which is X.next by now: whoever holds that
// open moves to X. It is removed last. From the first rename on all of this happens under the environment's lock, so no
// writer comes in between.
//
// What a crash leaves behind: X.making, which nobody else ever opened: the next move removes it. Or X.next: if it is
// the new one, nobody holds it open; if it is the old one, workers may, and its content is what X's was when the lock
// was taken. Either way the next writer, before he writes, retires and removes it (finish_move): nothing that he
// commits can be missed. He tries that once: should he die of it (its file is damaged), the writer after him waits
// until all workers have looked at their files, and only removes it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "store/environment/environment.hpp"
#include "store/environment/status.hpp"

namespace keyward {

// Told after each step, and now and then within long ones.
using MoveProgress = std::function<void(std::string_view step, std::uint64_t done, std::uint64_t total)>;

class NextEnvironment {
 public:
  NextEnvironment() = default;
  ~NextEnvironment();  // removes what has not taken its place
  NextEnvironment(const NextEnvironment &) = delete;
  NextEnvironment &operator=(const NextEnvironment &) = delete;

  // Makes X.making, empty, of this format and with an instance of its own; one that is left over is removed. Under
  // LockByte::moving.
  StoreStatus begin(const std::string &store, EnvironmentKind kind, std::uint64_t map_bytes, std::uint32_t version);
  // For filling: nothing is synced before sync() or finish().
  Environment &environment() noexcept { return environment_; }
  // What is there is on the disk: the less is left to do under the lock.
  StoreStatus sync();
  // All of it is on the disk, and closed.
  StoreStatus finish(std::int64_t created_at_s);

  // Under the environment's lock. `old` is what lies at the place, open for writing: it is retired, closed and removed.
  // Without it, what lies there is damaged, or nothing: it is kept beside, and *kept tells where (empty: nothing was
  // there).
  StoreStatus take_place(Environment *old, const MoveProgress &progress, std::string *kept);

 private:
  std::string store_, place_;
  EnvironmentKind kind_ = EnvironmentKind::credentials;
  Environment environment_;
  bool made_ = false;
};

// Ends what a move that was interrupted left behind. Under the environment's lock; this process must not have open what
// lies in X.next.
StoreStatus finish_move(const std::string &store, EnvironmentKind kind);

}  // namespace keyward
