// Open files: owning one, reading one whole; and where a path leads.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <utility>

namespace keyward {

// An open descriptor, closed in its destructor. Closing any descriptor of a file drops all of the process's fcntl locks
// on it.
class File {
 public:
  File() = default;
  explicit File(int fd) noexcept : fd_(fd) {}
  ~File() { close(); }
  File(File &&other) noexcept : fd_(other.release()) {}
  File &operator=(File &&other) noexcept {
    if (this != &other) {
      close();
      fd_ = other.release();
    }
    return *this;
  }

  void close() noexcept;
  int release() noexcept { return std::exchange(fd_, -1); }
  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// Reads until there are size bytes, or the file ends; how many. -1: errno says why. Blocks, and goes on after a signal.
ssize_t read_bytes(int fd, void *out, std::size_t size) noexcept;

// What is left of a file, but no more than most + 1 bytes: if that many come, it's too large. false: errno says why.
// Either way text is the only place in memory that holds what was read, for who has to wipe it.
bool read_whole(int fd, std::size_t most, std::string *text);

// Where a path's last part lies: "." if it says nothing of that.
std::string folder_of(const std::string &path);

}  // namespace keyward
