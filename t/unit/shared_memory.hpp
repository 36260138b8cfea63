// For tests of what several processes share: memory as nginx makes it, and children that can be killed at any instruction.
#pragma once

#include <sched.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
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

// A child that is stepped instruction by instruction from its first SIGSTOP on.
class SteppedChild {
 public:
  explicit SteppedChild(const std::function<void()> &work) : pid_(fork()) {
    if (pid_ == 0) {
      if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) {
        _exit(1);
      }
      raise(SIGSTOP);
      work();
      _exit(0);
    }
    wait();
  }
  ~SteppedChild() {
    if (stopped_) {
      kill_and_reap(pid_);
    }
  }
  SteppedChild(const SteppedChild &) = delete;
  SteppedChild &operator=(const SteppedChild &) = delete;

  bool stopped() const noexcept { return stopped_; }
  bool step() {
    ptrace(PTRACE_SINGLESTEP, pid_, nullptr, nullptr);
    wait();
    return stopped_;
  }

 private:
  void wait() {
    int status = 0;
    stopped_ = waitpid(pid_, &status, 0) == pid_ && WIFSTOPPED(status);
  }

  pid_t pid_;
  bool stopped_ = false;
};

// Kills a child at each instruction of work after which the memory is another than before, starting from the same memory each
// time, and calls check() on what it left. Returns how many such moments there are; 0 where stepping isn't possible.
inline std::size_t kill_at_every_store(SharedMemory *memory, const std::function<void()> &work,
                                       const std::function<void()> &check) {
#if defined(__x86_64__)
  const std::vector<std::uint8_t> before = memory->copy();
  std::vector<std::size_t> moments;
  {
    std::vector<std::uint8_t> last = before;
    SteppedChild child(work);
    for (std::size_t steps = 1; child.stopped() && child.step(); ++steps) {
      if (std::memcmp(last.data(), memory->data(), last.size()) != 0) {
        moments.push_back(steps);
        last = memory->copy();
      }
    }
  }
  for (const std::size_t moment : moments) {
    memory->restore(before);
    {
      SteppedChild child(work);
      for (std::size_t i = 0; i < moment && child.stopped(); ++i) {
        child.step();
      }
    }
    check();
  }
  memory->restore(before);
  return moments.size();
#else  // a stepped load-exclusive never succeeds
  (void)memory;
  (void)work;
  (void)check;
  return 0;
#endif
}

}  // namespace keyward::test
