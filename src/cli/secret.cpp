// Reading a secret from standard input.
#include "cli/secret.hpp"

#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace keyward::cli {
namespace {

// Shows nothing of what is typed as long as it lives.
class HiddenInput {
 public:
  explicit HiddenInput(const char *prompt) {
    if (isatty(STDIN_FILENO) != 1 || tcgetattr(STDIN_FILENO, &before_) != 0) {
      return;
    }
    auto hidden = before_;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    active_ = tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) == 0;
    std::fputs(prompt, stderr);
    std::fflush(stderr);
  }
  ~HiddenInput() {
    if (active_) {
      tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
      std::fputs("\n", stderr);
    }
  }
  HiddenInput(const HiddenInput &) = delete;
  HiddenInput &operator=(const HiddenInput &) = delete;

 private:
  termios before_ = {};
  bool active_ = false;
};

}  // namespace

bool read_secret_line(const char *prompt, std::size_t limit, Secret *secret) {
  const HiddenInput hidden(prompt);
  const bool terminal = isatty(STDIN_FILENO) == 1;
  std::string text(limit + 2, '\0');  // with room for "\r\n"; never grows, so it leaves no copy
  std::size_t size = 0;
  while (size < text.size() && !(terminal && size > 0 && text[size - 1] == '\n')) {
    const auto count = read(STDIN_FILENO, text.data() + size, text.size() - size);
    if (count > 0) {
      size += static_cast<std::size_t>(count);
    } else if (count == 0) {
      break;
    } else if (errno != EINTR) {
      wipe(text.data(), text.size());
      return false;
    }
  }
  if (size > 0 && text[size - 1] == '\n') {
    --size;
    if (size > 0 && text[size - 1] == '\r') {
      --size;
    }
  }
  const bool fits = size <= limit;
  wipe(text.data() + size, text.size() - size);
  text.resize(size);
  *secret = Secret(std::move(text));
  return fits;
}

}  // namespace keyward::cli
