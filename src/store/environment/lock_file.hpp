// The lock in front of LMDB's own: an fcntl lock on a byte of FOLDER/lock, so that a writer who hangs can be named and
// waiting can end. Byte 0: credentials; byte 1: usage; byte 2: one environment takes another's place (taken before the
// others).
//
// Far behind these, a process that reads the credentials shows by locks which formats it can read: for each format a
// range of its own in which the byte is the process's id, as in LMDB's own lock.mdb. So `store upgrade` can tell older
// processes from others.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/file.hpp"
#include "store/environment/files.hpp"
#include "store/environment/status.hpp"

namespace keyward {

enum class LockByte : std::uint8_t { credentials = 0, usage = 1, moving = 2 };

inline constexpr std::size_t kLockBytes = 3;

// One object per file and process, shared by all who lock in it: closing any descriptor of a file drops all of the
// process's locks on it. Thread-safe; fcntl doesn't keep the threads of a process apart, so mutexes do.
class LockFile : public std::enable_shared_from_this<LockFile> {
 public:
  // Released in its destructor, by the thread that acquired it. Keeps the file open.
  class Held {
   public:
    Held() = default;
    ~Held() { release(); }
    Held(Held &&other) noexcept { *this = std::move(other); }
    Held &operator=(Held &&other) noexcept;
    void release() noexcept;

   private:
    friend class LockFile;
    std::shared_ptr<LockFile> file_;
    LockByte byte_ = LockByte::credentials;
  };

  // Of the store in `folder`; made where it is missing.
  static StoreStatus get(const std::string &folder, std::shared_ptr<LockFile> *file);
  // The same, and makes nothing.
  static StoreStatus get_present(const std::string &folder, std::shared_ptr<LockFile> *file);

  ~LockFile() = default;
  LockFile(const LockFile &) = delete;
  LockFile &operator=(const LockFile &) = delete;

  // Waits up to wait_ms; then `busy`, naming the process that holds it.
  StoreStatus acquire(LockByte byte, std::uint64_t wait_ms, Held *held);

  // Shows that this process reads all formats up to this one, for as long as the file is open.
  void show_versions(std::uint32_t newest) noexcept;
  // Whether another process shows that it reads this format.
  bool shows_version(pid_t process, std::uint32_t version) noexcept;

 private:
  LockFile() = default;
  StoreStatus open_current();
  StoreStatus lock_current(LockByte byte, bool *locked);
  std::string holder(LockByte byte);

  std::string folder_, path_;
  pid_t process_ = 0;
  std::array<std::timed_mutex, kLockBytes> threads_;
  std::mutex files_mutex_;
  // Guarded by files_mutex_. The last one is what lies on the disk; those before it were removed or replaced while
  // somebody may have held a lock on them.
  std::vector<File> files_;
  FileIdentity current_;
  std::array<int, kLockBytes> locked_fd_ = {-1, -1, -1};
};

}  // namespace keyward
