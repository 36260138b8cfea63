// Stands in front of the C library's functions of the same names, LMDB's calls of them included.
#include "system_faults.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <ctime>

namespace keyward::test {
namespace {

std::atomic<bool> armed{false};
std::atomic<Fault> fault{Fault::none};
std::atomic<int> at{0}, count{0};

// Whether the call is to fail; dies where it should.
bool fails(bool needs_room) {
  if (!armed) {
    return false;
  }
  const int number = ++count;
  if (number == at && fault == Fault::killed) {
    kill(getpid(), SIGKILL);
  }
  const bool now =
      (fault == Fault::fails_once && number == at) || (fault == Fault::disk_full && number >= at && needs_room);
  if (now) {
    errno = needs_room ? ENOSPC : EIO;
  }
  return now;
}

constexpr bool kNeedsRoom = true;

template <typename... Arguments>
long call(bool needs_room, long number, Arguments... arguments) {
  return fails(needs_room) ? -1 : syscall(number, arguments...);
}

}  // namespace

void arm_faults(Fault what, int at_call) {
  fault = what;
  at = at_call;
  count = 0;
  armed = true;
}

int system_calls() { return count; }

}  // namespace keyward::test

#define KEYWARD_IN_FRONT extern "C" __attribute__((visibility("default")))

using keyward::test::call;
using keyward::test::kNeedsRoom;

KEYWARD_IN_FRONT int mkdir(const char *path, mode_t mode) noexcept {
  return static_cast<int>(call(kNeedsRoom, SYS_mkdirat, AT_FDCWD, path, mode));
}
KEYWARD_IN_FRONT int rmdir(const char *path) noexcept {
  return static_cast<int>(call(false, SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR));
}
KEYWARD_IN_FRONT int unlink(const char *path) noexcept {
  return static_cast<int>(call(false, SYS_unlinkat, AT_FDCWD, path, 0));
}
KEYWARD_IN_FRONT int unlinkat(int folder, const char *path, int flags) noexcept {
  return static_cast<int>(call(false, SYS_unlinkat, folder, path, flags));
}
KEYWARD_IN_FRONT int rename(const char *from, const char *to) noexcept {
  return static_cast<int>(call(false, SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}
KEYWARD_IN_FRONT int renameat2(int from_folder, const char *from, int to_folder, const char *to,
                               unsigned flags) noexcept {
  return static_cast<int>(call(false, SYS_renameat2, from_folder, from, to_folder, to, flags));
}
KEYWARD_IN_FRONT int fchmod(int fd, mode_t mode) noexcept {
  return static_cast<int>(call(false, SYS_fchmod, fd, mode));
}
KEYWARD_IN_FRONT int fsync(int fd) { return static_cast<int>(call(kNeedsRoom, SYS_fsync, fd)); }
KEYWARD_IN_FRONT int fdatasync(int fd) { return static_cast<int>(call(kNeedsRoom, SYS_fdatasync, fd)); }
KEYWARD_IN_FRONT int ftruncate(int fd, off_t size) noexcept {
  return static_cast<int>(call(kNeedsRoom, SYS_ftruncate, fd, size));
}
KEYWARD_IN_FRONT ssize_t write(int fd, const void *bytes, size_t size) {
  return call(kNeedsRoom, SYS_write, fd, bytes, size);
}
KEYWARD_IN_FRONT ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset) {
  return call(kNeedsRoom, SYS_pwrite64, fd, bytes, size, offset);
}
KEYWARD_IN_FRONT ssize_t writev(int fd, const iovec *parts, int parts_count) {
  return call(kNeedsRoom, SYS_writev, fd, parts, parts_count);
}
KEYWARD_IN_FRONT int nanosleep(const timespec *time, timespec *rest) {
  if (keyward::test::armed) {
    return 0;
  }
  return static_cast<int>(syscall(SYS_nanosleep, time, rest));
}
