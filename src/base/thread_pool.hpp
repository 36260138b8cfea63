// Threads of low priority for what must not run on an event loop: bcrypt, writes to the store.
#pragma once

#include <cstddef>
#include <memory>

namespace keyward {

// A piece of work. run() is called in a thread of the pool, without any of the pool's locks; it must own
// copies of its inputs and touch nothing of the event loop's. finish() is called later on the thread that calls
// ThreadPool::collect(): there it may touch what belongs to the event loop. Neither may throw.
class Job {
 public:
  virtual ~Job() = default;
  virtual void run() noexcept = 0;
  virtual void finish() noexcept = 0;

 private:
  friend class JobChain;
  Job *next_ = nullptr;  // in the pool's chains
};

// A bounded queue and threads that are started with the pool (so: in a worker, after the fork). All signals are blocked
// in the threads; they run at a nice value of their own (Linux: setpriority on the thread id). The destructor drops
// what is queued, lets running jobs end, and joins; finish() is not called on jobs that were dropped or not collected,
// they are only destroyed.
class ThreadPool {
 public:
  static constexpr int kNiceness = 10;  // added to the process's

  // queue_limit counts jobs that no thread has taken yet. nullptr if threads or the eventfd could not be made.
  static std::unique_ptr<ThreadPool> create(std::size_t threads, std::size_t queue_limit, const char *name,
                                            int niceness = kNiceness) noexcept;
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  // false when the queue is full (the job is given back untouched): a designed answer, 503.
  bool post(std::unique_ptr<Job> &job) noexcept;

  // Becomes readable when jobs have ended (an eventfd of this pool's own, non-blocking). Owned by the pool.
  int event_fd() const noexcept;
  // Clears the eventfd and calls finish() on every job that has ended, in order, each then destroyed.
  void collect() noexcept;

  std::size_t queued() const noexcept;

 private:
  ThreadPool();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace keyward
