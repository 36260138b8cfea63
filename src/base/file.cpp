// System calls behind file.hpp.
#include "base/file.hpp"

#include <unistd.h>

#include <cerrno>

namespace keyward {

void File::close() noexcept {
  if (fd_ >= 0) {
    ::close(release());
  }
}

ssize_t read_bytes(int fd, void *out, std::size_t size) noexcept {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(fd, static_cast<char *>(out) + done, size - done);
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

bool read_whole(int fd, std::size_t most, std::string *text) {
  text->assign(most + 1, '\0');  // once, as growing would leave copies
  const ssize_t size = read_bytes(fd, text->data(), text->size());
  if (size < 0) {
    return false;
  }
  text->resize(static_cast<std::size_t>(size));
  return true;
}

std::string folder_of(const std::string &path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace keyward
