// Reading a small file whole.
#include "jwt/key_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/digest.hpp"
#include "base/quote.hpp"
#include "jwt/key_set.hpp"

namespace keyward::jwt {

namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  Descriptor(const Descriptor &) = delete;
  Descriptor &operator=(const Descriptor &) = delete;
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

// As much as fits; -1 and errno.
ssize_t read_all(int fd, char *out, std::size_t size) noexcept {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(fd, out + done, size - done);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return -1;
    }
    if (got == 0) {
      break;
    }
    done += static_cast<std::size_t>(got);
  }
  return static_cast<ssize_t>(done);
}

}  // namespace

bool read_key_file(const std::string &path, std::string *text, std::string *error) {
  const auto fail = [&path, error](const std::string &problem) {
    *error = quote(path) + ": " + problem;
    return false;
  };
  // Nonblocking, so that a FIFO put there can't hold up a start.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat st = {};
  if (file.get() < 0 || ::fstat(file.get(), &st) != 0) {
    return fail(std::strerror(errno));
  }
  if (!S_ISREG(st.st_mode)) {
    return fail("not a regular file");
  }
  // One byte more, to see whether it ends where it should; and no second buffer, which would leave a copy.
  text->assign(kMaxKeySetBytes + 1, '\0');
  const ssize_t size = read_all(file.get(), text->data(), text->size());
  if (size < 0) {
    return fail(std::strerror(errno));
  }
  if (static_cast<std::size_t>(size) > kMaxKeySetBytes) {
    wipe(text->data(), text->size());
    text->clear();
    return fail("larger than 1 MiB");
  }
  text->resize(static_cast<std::size_t>(size));
  return true;
}

}  // namespace keyward::jwt
