// Lines, block by block.
#include "cli/line_source.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/digest.hpp"

namespace keyward::cli {

LineSource::LineSource(std::size_t max_line_bytes)
    : max_line_bytes_(max_line_bytes), buffer_(std::max(std::size_t{1} << 20, 2 * max_line_bytes), '\0') {}

LineSource::~LineSource() { wipe(buffer_.data(), buffer_.size()); }

bool LineSource::open(const InputFile &file) {
  errno = file.error;
  return file.is_standard_input() ? open_standard_input() : begin(file.file.get());
}

bool LineSource::begin(int fd) {
  fd_ = fd;
  struct stat about = {};
  if (fd < 0 || fstat(fd_, &about) != 0) {
    return false;
  }
  if (S_ISDIR(about.st_mode)) {
    errno = EISDIR;
    return false;
  }
  size_ = S_ISREG(about.st_mode) ? static_cast<std::uint64_t>(about.st_size) : 0;
  return true;
}

// Reads behind what is there; false at the end.
bool LineSource::fill() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  while (!at_end_) {
    const auto count = read(fd_, buffer_.data() + end_, buffer_.size() - end_);
    if (count > 0) {
      end_ += static_cast<std::size_t>(count);
      return true;
    }
    if (count == 0 || errno != EINTR) {
      error_ = count == 0 ? 0 : errno;
      at_end_ = true;
    }
  }
  return false;
}

bool LineSource::next(std::string_view *line) {
  too_long_ = false;
  std::size_t searched = 0;  // bytes of this line that hold no newline
  auto newline = std::string_view::npos;
  while (newline == std::string_view::npos) {
    const auto rest = std::string_view(buffer_).substr(begin_, end_ - begin_);
    newline = rest.find('\n', searched);
    searched = rest.size();
    if (newline == std::string_view::npos) {
      if (rest.size() > max_line_bytes_) {  // its end is still looked for
        too_long_ = true;
        taken_ += rest.size();
        begin_ = end_;
        searched = 0;
      }
      if (!fill()) {
        break;
      }
    }
  }
  const bool complete = newline != std::string_view::npos;
  const auto size = complete ? newline : end_ - begin_;
  *line = std::string_view(buffer_).substr(begin_, size);
  begin_ += size + (complete ? 1 : 0);
  taken_ += size + (complete ? 1 : 0);
  too_long_ = too_long_ || size > max_line_bytes_;
  if (too_long_) {
    *line = {};
  }
  return complete || too_long_ || !line->empty();
}

}  // namespace keyward::cli
