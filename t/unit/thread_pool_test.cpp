#include "base/thread_pool.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace keyward {
namespace {

struct Log {
  std::atomic<int> ran{0};
  std::atomic<int> alive{0};
  std::vector<int> finished;  // of the collecting thread
};

class Counting : public Job {
 public:
  Counting(Log *log, int number) : log_(log), number_(number) { ++log_->alive; }
  ~Counting() override { --log_->alive; }
  Counting(const Counting &) = delete;
  Counting &operator=(const Counting &) = delete;
  void run() noexcept override { ++log_->ran; }
  void finish() noexcept override { log_->finished.push_back(number_); }

 private:
  Log *log_;
  int number_;
};

// Runs until it is let go.
class Blocking final : public Counting {
 public:
  Blocking(Log *log, int number, std::atomic<bool> *started, std::atomic<bool> *go)
      : Counting(log, number), started_(started), go_(go) {}
  void run() noexcept override {
    *started_ = true;
    while (!*go_) {
      std::this_thread::yield();
    }
    Counting::run();
  }

 private:
  std::atomic<bool> *started_;
  std::atomic<bool> *go_;
};

template <typename Function>
class Calling final : public Job {
 public:
  explicit Calling(Function function) : function_(std::move(function)) {}
  void run() noexcept override { function_(); }
  void finish() noexcept override {}

 private:
  Function function_;
};

template <typename Function>
std::unique_ptr<Job> calling(Function function) {
  return std::make_unique<Calling<Function>>(std::move(function));
}

bool readable(const ThreadPool &pool, int timeout_ms) {
  pollfd watched{pool.event_fd(), POLLIN, 0};
  return poll(&watched, 1, timeout_ms) == 1;
}

// Collects until so many have finished.
bool collect(ThreadPool *pool, const Log &log, std::size_t count) {
  while (log.finished.size() < count) {
    if (!readable(*pool, 10'000)) {
      return false;
    }
    pool->collect();
  }
  return true;
}

bool post(ThreadPool *pool, std::unique_ptr<Job> job) { return pool->post(job); }

TEST(ThreadPool, RunsAndFinishesEveryJob) {
  Log log;
  const auto pool = ThreadPool::create(3, 1000, "test");
  ASSERT_NE(pool, nullptr);
  EXPECT_FALSE(readable(*pool, 0));
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(post(pool.get(), std::make_unique<Counting>(&log, i)));
  }
  EXPECT_TRUE(collect(pool.get(), log, 500));
  EXPECT_EQ(log.ran, 500);
  EXPECT_EQ(log.alive, 0);
  EXPECT_FALSE(readable(*pool, 0));
  pool->collect();  // nothing to do, doesn't block
}

TEST(ThreadPool, OneThreadKeepsTheOrder) {
  Log log;
  const auto pool = ThreadPool::create(1, 1000, "test");
  std::vector<int> expected;
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(post(pool.get(), std::make_unique<Counting>(&log, i)));
    expected.push_back(i);
  }
  EXPECT_TRUE(collect(pool.get(), log, 300));
  EXPECT_EQ(log.finished, expected);
}

TEST(ThreadPool, AFullQueueGivesTheJobBack) {
  Log log;
  std::atomic<bool> started{false};
  std::atomic<bool> go{false};
  const auto pool = ThreadPool::create(1, 2, "test");
  ASSERT_TRUE(post(pool.get(), std::make_unique<Blocking>(&log, 0, &started, &go)));
  while (!started) {
    std::this_thread::yield();
  }
  EXPECT_EQ(pool->queued(), 0U);  // a job that runs isn't queued
  EXPECT_TRUE(post(pool.get(), std::make_unique<Counting>(&log, 1)));
  EXPECT_TRUE(post(pool.get(), std::make_unique<Counting>(&log, 2)));
  std::unique_ptr<Job> job = std::make_unique<Counting>(&log, 3);
  EXPECT_FALSE(pool->post(job));
  EXPECT_NE(job, nullptr);
  EXPECT_EQ(pool->queued(), 2U);
  go = true;
  EXPECT_TRUE(collect(pool.get(), log, 3));
  EXPECT_TRUE(pool->post(job));
  EXPECT_EQ(job, nullptr);
  EXPECT_TRUE(collect(pool.get(), log, 4));
}

TEST(ThreadPool, ItsEndDropsWhatIsQueuedAndWaitsForWhatRuns) {
  Log log;
  std::atomic<bool> started{false};
  std::atomic<bool> go{false};
  auto pool = ThreadPool::create(1, 100, "test");
  ASSERT_TRUE(post(pool.get(), std::make_unique<Blocking>(&log, 0, &started, &go)));
  while (!started) {
    std::this_thread::yield();
  }
  for (int i = 1; i < 50; ++i) {
    ASSERT_TRUE(post(pool.get(), std::make_unique<Counting>(&log, i)));
  }
  std::thread ending([&] { pool.reset(); });
  while (log.alive != 1) {  // the queue is dropped while the first still runs
    std::this_thread::yield();
  }
  go = true;
  ending.join();
  EXPECT_EQ(log.ran, 1);
  EXPECT_EQ(log.alive, 0);
  EXPECT_TRUE(log.finished.empty());
}

TEST(ThreadPool, AJobThatFinishesMayPostAnother) {
  class Chained final : public Job {
   public:
    Chained(ThreadPool *pool, Log *log, int left) : pool_(pool), log_(log), left_(left) {}
    void run() noexcept override { ++log_->ran; }
    void finish() noexcept override {
      log_->finished.push_back(left_);
      if (left_ > 0) {
        EXPECT_TRUE(post(pool_, std::make_unique<Chained>(pool_, log_, left_ - 1)));
      }
    }

   private:
    ThreadPool *pool_;
    Log *log_;
    int left_;
  };
  Log log;
  const auto pool = ThreadPool::create(2, 1, "test");
  ASSERT_TRUE(post(pool.get(), std::make_unique<Chained>(pool.get(), &log, 50)));
  EXPECT_TRUE(collect(pool.get(), log, 51));
}

TEST(ThreadPool, ThreadsAreNiceNamedAndDeafToSignals) {
  const int niceness = getpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)));
  int nice_there = 0;
  std::string name;
  sigset_t blocked;
  {
    const auto pool = ThreadPool::create(1, 1, "a name of more than fifteen");
    ASSERT_TRUE(post(pool.get(), calling([&] {
                       nice_there = getpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)));
                       char text[16];
                       pthread_getname_np(pthread_self(), text, sizeof(text));
                       name = text;
                       pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
                     })));
    ASSERT_TRUE(readable(*pool, 10'000));
  }
  EXPECT_EQ(nice_there, std::min(niceness + 10, 19));
  EXPECT_EQ(name, "a name of more ");
  for (const int signal : {SIGTERM, SIGQUIT, SIGHUP, SIGCHLD, SIGIO, SIGUSR1, SIGALRM}) {
    EXPECT_EQ(sigismember(&blocked, signal), 1) << signal;
  }
  // The creator's own are as before.
  EXPECT_EQ(getpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid))), niceness);
  pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  EXPECT_EQ(sigismember(&blocked, SIGTERM), 0);
}

TEST(ThreadPool, CanFailToBeMade) {
  EXPECT_EQ(ThreadPool::create(0, 1, "test"), nullptr);
  EXPECT_EQ(ThreadPool::create(100'000, 1, "test"), nullptr);
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none{0, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  EXPECT_EQ(ThreadPool::create(1, 1, "test"), nullptr);
  EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

}  // namespace
}  // namespace keyward
