// Threads of low priority: an intrusive queue in, an intrusive list of ended jobs out, an eventfd to tell.
#include "base/thread_pool.hpp"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <new>
#include <string_view>
#include <utility>

#include "base/file.hpp"

namespace keyward {
namespace {

constexpr std::size_t kMaxThreads = 256;

}  // namespace

// A first-in, first-out chain of jobs that it owns; needs no memory of its own, so that ending a job can't fail.
class JobChain {
 public:
  JobChain() = default;
  JobChain(const JobChain &) = delete;
  JobChain &operator=(const JobChain &) = delete;
  ~JobChain() {
    while (pop() != nullptr) {
    }
  }

  void push(std::unique_ptr<Job> job) noexcept {
    job->next_ = nullptr;
    Job *last = job.release();
    (first_ == nullptr ? first_ : last_->next_) = last;
    last_ = last;
    ++size_;
  }

  std::unique_ptr<Job> pop() noexcept {
    Job *job = first_;
    if (job != nullptr) {
      first_ = job->next_;
      --size_;
    }
    return std::unique_ptr<Job>(job);
  }

  void swap(JobChain &other) noexcept {
    std::swap(first_, other.first_);
    std::swap(last_, other.last_);
    std::swap(size_, other.size_);
  }

  std::size_t size() const noexcept { return size_; }

 private:
  Job *first_ = nullptr;
  Job *last_ = nullptr;  // where first_ isn't null
  std::size_t size_ = 0;
};

struct ThreadPool::State {
  std::mutex mutex;
  std::condition_variable posted;
  JobChain queue;
  JobChain ended;
  bool stopping = false;
  std::size_t queue_limit = 0;
  std::size_t thread_count = 0;
  pthread_t threads[kMaxThreads];
  File event;
  int niceness = 0;
  char name[16] = {};

  static void *on_thread(void *argument) noexcept {
    static_cast<State *>(argument)->work();
    return nullptr;
  }

  void work() noexcept {
    lower_priority();
    pthread_setname_np(pthread_self(), name);
    std::unique_lock<std::mutex> lock(mutex);
    for (;;) {
      posted.wait(lock, [this] { return stopping || queue.size() != 0; });
      if (stopping) {
        return;
      }
      std::unique_ptr<Job> job = queue.pop();
      lock.unlock();
      job->run();
      lock.lock();
      ended.push(std::move(job));
      tell();
    }
  }

  // On Linux niceness belongs to the thread; a failure costs only politeness.
  void lower_priority() const noexcept {
    const auto thread_id = static_cast<id_t>(syscall(SYS_gettid));
    setpriority(PRIO_PROCESS, thread_id, std::min(getpriority(PRIO_PROCESS, thread_id) + niceness, 19));
  }

  // Under the mutex. Can't fail but by a counter of 2^64-1, which is as readable.
  void tell() const noexcept {
    const std::uint64_t one = 1;
    while (write(event.get(), &one, sizeof(one)) == -1 && errno == EINTR) {
    }
  }

  bool start(std::size_t count) noexcept {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0) {
      return false;
    }
    while (thread_count < count && pthread_create(&threads[thread_count], nullptr, on_thread, this) == 0) {
      ++thread_count;
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return thread_count == count;
  }

  void stop() noexcept {
    {
      JobChain dropped;  // destroyed outside the lock
      const std::lock_guard<std::mutex> lock(mutex);
      stopping = true;
      dropped.swap(queue);
    }
    posted.notify_all();
    while (thread_count != 0) {
      pthread_join(threads[--thread_count], nullptr);
    }
  }
};

ThreadPool::ThreadPool() = default;

std::unique_ptr<ThreadPool> ThreadPool::create(std::size_t threads, std::size_t queue_limit, const char *name,
                                               int niceness) noexcept {
  if (threads == 0 || threads > kMaxThreads) {
    return nullptr;
  }
  std::unique_ptr<ThreadPool> pool(new (std::nothrow) ThreadPool);
  if (pool == nullptr) {
    return nullptr;
  }
  pool->state_.reset(new (std::nothrow) State);
  if (pool->state_ == nullptr) {
    return nullptr;
  }
  State &state = *pool->state_;
  state.queue_limit = queue_limit;
  state.niceness = niceness;
  std::string_view(name).copy(state.name, sizeof(state.name) - 1);
  state.event = File(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!state.event || !state.start(threads)) {
    return nullptr;
  }
  return pool;
}

ThreadPool::~ThreadPool() {
  if (state_ != nullptr) {
    state_->stop();
  }
}

bool ThreadPool::post(std::unique_ptr<Job> &job) noexcept {
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    if (state_->queue.size() >= state_->queue_limit) {
      return false;
    }
    state_->queue.push(std::move(job));
  }
  state_->posted.notify_one();
  return true;
}

int ThreadPool::event_fd() const noexcept { return state_->event.get(); }

void ThreadPool::collect() noexcept {
  JobChain ended;
  {
    // Both under the lock: a job that ends after this makes the eventfd readable again.
    const std::lock_guard<std::mutex> lock(state_->mutex);
    std::uint64_t count = 0;
    while (read(state_->event.get(), &count, sizeof(count)) == -1 && errno == EINTR) {
    }
    ended.swap(state_->ended);
  }
  while (const std::unique_ptr<Job> job = ended.pop()) {
    job->finish();
  }
}

std::size_t ThreadPool::queued() const noexcept {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  return state_->queue.size();
}

}  // namespace keyward
