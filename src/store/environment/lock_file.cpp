// fcntl's locks by polling: F_SETLKW knows no time limit without a signal.
#include "store/environment/lock_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "store/environment/failure.hpp"
#include "store/environment/layout.hpp"

namespace keyward {

namespace {

using Clock = std::chrono::steady_clock;

// The one list of lock files of this process: see the class.
std::mutex registry_mutex;
std::vector<std::weak_ptr<LockFile>> registry;  // guarded by registry_mutex

struct flock lock_of(LockByte byte, short type) noexcept {
  struct flock lock = {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(byte);
  lock.l_len = 1;
  return lock;
}

// Of a process that reads this format.
struct flock mark_of(pid_t process, std::uint32_t version, short type) noexcept {
  struct flock lock = {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = (static_cast<off_t>(version) << 32) + process;
  lock.l_len = 1;
  return lock;
}

std::string duration(std::uint64_t ms) {
  return ms < 1000 ? std::to_string(ms) + " ms" : std::to_string(ms / 1000) + " s";
}

}  // namespace

StoreStatus LockFile::get(const std::string &folder, std::shared_ptr<LockFile> *file) {
  const std::lock_guard<std::mutex> lock(registry_mutex);
  const std::string path = lock_file(folder);
  struct stat st = {};
  const bool there = stat(path.c_str(), &st) == 0;
  for (auto it = registry.begin(); it != registry.end();) {
    const std::shared_ptr<LockFile> known = it->lock();
    it = known ? it + 1 : registry.erase(it);
    // Two paths may lead to one file. What a parent had before the fork is the parent's.
    if (known && known->process_ == getpid() &&
        (known->path_ == path || (there && known->current_ == identity_of(st)))) {
      *file = known;
      return {};
    }
  }
  std::shared_ptr<LockFile> made(new LockFile);
  made->folder_ = folder;
  made->path_ = path;
  made->process_ = getpid();
  StoreStatus status = made->open_current();
  if (status.ok()) {
    registry.push_back(made);
    *file = std::move(made);
  }
  return status;
}

StoreStatus LockFile::get_present(const std::string &folder, std::shared_ptr<LockFile> *file) {
  struct stat st = {};
  return stat(lock_file(folder).c_str(), &st) == 0 ? get(folder, file)
                                                   : failure_of(errno, "look at " + lock_file(folder));
}

// For reading, so that two processes of two containers that have one id don't stand in each other's way.
void LockFile::show_versions(std::uint32_t newest) noexcept {
  const std::lock_guard<std::mutex> guard(files_mutex_);
  for (std::uint32_t version = kFirstVersion; version <= newest; ++version) {
    struct flock mark = mark_of(process_, version, F_RDLCK);
    fcntl(files_.back().get(), F_SETLK, &mark);
  }
}

bool LockFile::shows_version(pid_t process, std::uint32_t version) noexcept {
  const std::lock_guard<std::mutex> guard(files_mutex_);
  struct flock mark = mark_of(process, version, F_WRLCK);
  return fcntl(files_.back().get(), F_GETLK, &mark) == 0 && mark.l_type != F_UNLCK;
}

StoreStatus LockFile::open_current() {
  StoreStatus status = create_if_missing(path_, nullptr);
  if (!status.ok()) {
    return status;
  }
  File file(open(path_.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  struct stat st = {};
  if (!file || fstat(file.get(), &st) != 0) {
    return failure_of(errno, "open " + path_);
  }
  current_ = identity_of(st);
  files_.push_back(std::move(file));
  return {};
}

// One try. A lock counts only on the file that lies at the path: another process would look there.
StoreStatus LockFile::lock_current(LockByte byte, bool *locked) {
  const std::lock_guard<std::mutex> guard(files_mutex_);
  struct stat st = {};
  *locked = false;
  if (stat(path_.c_str(), &st) != 0 || identity_of(st) != current_) {
    StoreStatus status = open_current();
    if (!status.ok()) {
      return status;
    }
  }
  const int fd = files_.back().get();
  struct flock lock = lock_of(byte, F_WRLCK);
  if (fcntl(fd, F_SETLK, &lock) != 0) {
    const bool held = errno == EACCES || errno == EAGAIN || errno == EINTR;
    return held ? StoreStatus() : failure_of(errno, "lock " + path_);
  }
  if (stat(path_.c_str(), &st) != 0 || identity_of(st) != current_) {
    lock = lock_of(byte, F_UNLCK);
    fcntl(fd, F_SETLK, &lock);
    return {};
  }
  locked_fd_[static_cast<std::size_t>(byte)] = fd;
  *locked = true;
  return {};
}

StoreStatus LockFile::acquire(LockByte byte, std::uint64_t wait_ms, Held *held) {
  constexpr std::chrono::milliseconds kFirstSleep(1), kLongestSleep(20);
  const auto until = Clock::now() + std::chrono::milliseconds(wait_ms);
  std::timed_mutex &threads = threads_[static_cast<std::size_t>(byte)];
  if (!threads.try_lock_until(until)) {
    return failure(StoreCode::busy, "another thread of this process has held the store for " + duration(wait_ms));
  }
  auto sleep = kFirstSleep;
  for (;;) {
    bool locked = false;
    StoreStatus status = lock_current(byte, &locked);
    const auto now = Clock::now();
    if (locked) {
      held->release();
      held->file_ = shared_from_this();
      held->byte_ = byte;
      return {};
    }
    if (status.ok() && now >= until) {
      status =
          failure(StoreCode::busy, "another writer" + holder(byte) + " has held the store for " + duration(wait_ms));
    }
    if (!status.ok()) {
      threads.unlock();
      return status;
    }
    std::this_thread::sleep_for(std::min<Clock::duration>(sleep, until - now));
    sleep = std::min(2 * sleep, kLongestSleep);
  }
}

// " (process 1234)"; nothing where the kernel names none (it has ended by now, or is of another pid namespace).
std::string LockFile::holder(LockByte byte) {
  const std::lock_guard<std::mutex> guard(files_mutex_);
  struct flock lock = lock_of(byte, F_WRLCK);
  if (fcntl(files_.back().get(), F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK || lock.l_pid <= 0) {
    return {};
  }
  return " (process " + std::to_string(lock.l_pid) + ")";
}

LockFile::Held &LockFile::Held::operator=(Held &&other) noexcept {
  if (this != &other) {
    release();
    file_ = std::move(other.file_);
    byte_ = other.byte_;
  }
  return *this;
}

void LockFile::Held::release() noexcept {
  const std::shared_ptr<LockFile> file = std::move(file_);
  if (file == nullptr) {
    return;
  }
  const auto byte = static_cast<std::size_t>(byte_);
  {
    const std::lock_guard<std::mutex> guard(file->files_mutex_);
    struct flock lock = lock_of(byte_, F_UNLCK);
    fcntl(std::exchange(file->locked_fd_[byte], -1), F_SETLK, &lock);
  }
  file->threads_[byte].unlock();
}

}  // namespace keyward
