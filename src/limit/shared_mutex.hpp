// A mutex in shared memory that outlives a holder who is killed.
#pragma once

#include <pthread.h>
#include <cerrno>
#include <ctime>

namespace keyward {

// Robust and process-shared. What it guards must be valid at every instruction, as the next holder goes on from
// wherever a killed one stopped. Owned by threads: unlocked by the thread that locked it.
class SharedMutex {
 public:
  // Once, by whoever lays out the memory, before anyone else can see it.
  bool init() noexcept {
    pthread_mutexattr_t attributes;
    if (pthread_mutexattr_init(&attributes) != 0) {
      return false;
    }
    const bool made = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0 &&
                      pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0 &&
                      pthread_mutex_init(&mutex_, &attributes) == 0;
    pthread_mutexattr_destroy(&attributes);
    return made;
  }

  bool try_lock() noexcept { return taken(pthread_mutex_trylock(&mutex_)); }

  // Waits a second at most: a holder needs a microsecond, and one that was stopped (SIGSTOP, a debugger) must not
  // stop the event loops of all others for good.
  bool lock() noexcept {
    if (try_lock()) {
      return true;
    }
    timespec until{};
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 1;
    return taken(pthread_mutex_timedlock(&mutex_, &until));
  }

  void unlock() noexcept { pthread_mutex_unlock(&mutex_); }

 private:
  bool taken(int error) noexcept {
    if (error == EOWNERDEAD) {
      error = pthread_mutex_consistent(&mutex_);
    }
    return error == 0;
  }

  pthread_mutex_t mutex_;
};

// Holds a SharedMutex for a scope; false where it could not be had.
class SharedLock {
 public:
  explicit SharedLock(SharedMutex *mutex, bool wait = true) noexcept
      : mutex_((wait ? mutex->lock() : mutex->try_lock()) ? mutex : nullptr) {}
  ~SharedLock() {
    if (mutex_ != nullptr) {
      mutex_->unlock();
    }
  }
  SharedLock(const SharedLock &) = delete;
  SharedLock &operator=(const SharedLock &) = delete;
  explicit operator bool() const noexcept { return mutex_ != nullptr; }

 private:
  SharedMutex *mutex_;
};

}  // namespace keyward
