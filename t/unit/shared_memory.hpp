// For tests of what several processes share: memory as nginx makes it, and children that can be killed at any
// instruction.
#pragma once

#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

#include "base/bytes.hpp"

namespace keyward::test {

// Zeroed pages that children share, as those of an nginx zone.
class SharedMemory {
 public:
  explicit SharedMemory(std::size_t bytes)
      : bytes_(bytes), data_(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {}
  ~SharedMemory() { munmap(data_, bytes_); }
  SharedMemory(const SharedMemory &) = delete;
  SharedMemory &operator=(const SharedMemory &) = delete;

  void *data() const noexcept { return data_; }
  std::size_t size() const noexcept { return bytes_; }
  std::vector<std::uint8_t> copy() const {
    const auto *begin = static_cast<const std::uint8_t *>(data_);
    return {begin, begin + bytes_};
  }
  void restore(const std::vector<std::uint8_t> &image) noexcept { std::memcpy(data_, image.data(), image.size()); }

 private:
  std::size_t bytes_;
  void *data_;
};

// A value that children share.
template <typename T>
class Shared {
 public:
  Shared() : memory_(sizeof(T)), value_(new (memory_.data()) T{}) {}
  T *operator->() const noexcept { return value_; }
  T &operator*() const noexcept { return *value_; }

 private:
  SharedMemory memory_;
  T *value_;
};

// Runs work in a child, which ends with it. Nothing of gtest's may be used there.
template <typename Work>
pid_t spawn(Work work) {
  const pid_t pid = fork();
  if (pid == 0) {
    work();
    _exit(0);
  }
  return pid;
}

// Whether the child ended by itself, with status 0.
inline bool ended_well(pid_t pid) {
  int status = 0;
  return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

inline void kill_and_reap(pid_t pid) {
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
}

// Gives way until done() holds; false if it never does.
template <typename Done>
bool poll_until(Done done) {
  for (int i = 0; i < 20'000'000; ++i) {
    if (done()) {
      return true;
    }
    sched_yield();
  }
  return false;
}

// Evenly spread, as keyed digests are (splitmix64).
inline std::uint64_t spread(std::uint64_t number) {
  number += 0x9e37'79b9'7f4a'7c15;
  number = (number ^ (number >> 30)) * 0xbf58'476d'1ce4'e5b9;
  number = (number ^ (number >> 27)) * 0x94d0'49bb'1331'11eb;
  return number ^ (number >> 31);
}

inline Digest name_of(std::uint64_t number) {
  const std::uint64_t halves[2] = {spread(number), spread(~number)};
  Digest name;
  std::memcpy(name.data(), halves, sizeof(halves));
  return name;
}

#if defined(__x86_64__)
inline constexpr bool kCanStep = true;
#else  // a stepped load-exclusive never succeeds
inline constexpr bool kCanStep = false;
#endif

// Runs work in this process (a child) with the processor's trap flag set, and calls on_step(n) after its nth
// instruction, until that returns false.
class Stepping {
 public:
  static void run(const std::function<void()> &work, const std::function<bool(std::size_t)> &on_step) {
#if defined(__x86_64__)
    on_step_ = &on_step;
    steps_ = 0;
    struct sigaction action {};
    action.sa_sigaction = on_trap;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGTRAP, &action, nullptr);
    on_ = true;
    raise(SIGTRAP);
    work();
    on_ = false;
#else
    (void)work, (void)on_step;
#endif
  }

 private:
#if defined(__x86_64__)
  static void on_trap(int, siginfo_t *, void *context) {
    constexpr greg_t kTrapFlag = 0x100;
    greg_t &flags = static_cast<ucontext_t *>(context)->uc_mcontext.gregs[REG_EFL];
    on_ = on_ && (*on_step_)(steps_++);
    flags = on_ ? flags | kTrapFlag : flags & ~kTrapFlag;
  }

  inline static const std::function<bool(std::size_t)> *on_step_ = nullptr;
  inline static std::size_t steps_ = 0;
  inline static volatile bool on_ = false;
#endif
};

// After which instructions of work the memory is another than before.
struct Moments {
  std::size_t count;
  std::size_t stores[4096];
};

inline void find_moments(const SharedMemory &memory, const std::function<void()> &work, Moments *moments) {
  std::vector<std::uint8_t> last = memory.copy();
  ended_well(spawn([&] {
    Stepping::run(work, [&](std::size_t step) {
      if (std::memcmp(last.data(), memory.data(), last.size()) != 0 && moments->count < 4096) {
        moments->stores[moments->count++] = step;
        std::memcpy(last.data(), memory.data(), last.size());
      }
      return true;
    });
  }));
}

// Kills a child at each instruction of work after which the memory is another than before, starting from the same
// memory each time, and calls check() on what it left. Returns how many such moments there are.
inline std::size_t kill_at_every_store(SharedMemory *memory, const std::function<void()> &work,
                                       const std::function<void()> &check) {
  const std::vector<std::uint8_t> before = memory->copy();
  Shared<Moments> moments;
  find_moments(*memory, work, &*moments);
  for (std::size_t i = 0; i < moments->count; ++i) {
    memory->restore(before);
    waitpid(spawn([&] {
              Stepping::run(work, [&](std::size_t step) {
                if (step == moments->stores[i]) {
                  kill(getpid(), SIGKILL);
                }
                return true;
              });
            }),
            nullptr, 0);
    check();
  }
  memory->restore(before);
  return moments->count;
}

// Stops a child at each third of the 64 instructions ahead of a change of the memory, does other() in this process,
// lets the child end, and calls check(). Starts from the same memory each time. Where other() says false, no later
// instruction is tried. Returns how many were. (A step is dear in a virtual machine: 20 us.)
inline std::size_t interleave_before_every_store(SharedMemory *memory, const std::function<void()> &work,
                                                 const std::function<bool()> &other,
                                                 const std::function<void()> &check) {
  const std::vector<std::uint8_t> before = memory->copy();
  Shared<Moments> moments;
  find_moments(*memory, work, &*moments);
  std::size_t tried = 0;
  std::size_t at = 0;
  bool go_on = true;
  for (std::size_t i = 0; i < moments->count && go_on; ++i) {
    const std::size_t store = moments->stores[i];
    for (at = std::max(at, store - std::min<std::size_t>(store, 64)); at < store && go_on; at += 3) {
      memory->restore(before);
      const pid_t child = spawn([&] {
        Stepping::run(work, [&](std::size_t step) {
          if (step == at) {
            raise(SIGSTOP);
          }
          return step < at;
        });
      });
      waitpid(child, nullptr, WUNTRACED);
      go_on = other();
      kill(child, SIGCONT);
      waitpid(child, nullptr, 0);
      check();
      ++tried;
    }
  }
  memory->restore(before);
  return tried;
}

}  // namespace keyward::test
