// Lines of a file of any length, without holding it in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "cli/input_file.hpp"

namespace keyward::cli {

class LineSource {
 public:
  explicit LineSource(std::size_t max_line_bytes);
  ~LineSource();
  LineSource(const LineSource &) = delete;
  LineSource &operator=(const LineSource &) = delete;

  // false: errno says why. file must live as long.
  bool open(const InputFile &file);
  bool open_standard_input() { return begin(0); }
  // The next line, without its newline; the view lives until the next call. One that is too long comes empty, with
  // too_long().
  bool next(std::string_view *line);
  bool too_long() const noexcept { return too_long_; }
  int error() const noexcept { return error_; }  // errno of a failed read; 0: the end was reached

  std::uint64_t size() const noexcept { return size_; }  // of a regular file, else 0
  std::uint64_t taken() const noexcept { return taken_; }

 private:
  bool begin(int fd);
  bool fill();

  std::size_t max_line_bytes_;
  std::string buffer_;
  std::size_t begin_ = 0, end_ = 0;
  int fd_ = -1;  // another's
  int error_ = 0;
  bool at_end_ = false, too_long_ = false;
  std::uint64_t size_ = 0, taken_ = 0;
};

}  // namespace keyward::cli
