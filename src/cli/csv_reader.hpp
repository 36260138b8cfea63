// Records of comma-separated values (RFC 4180): LF or CRLF, quotes around what holds a comma, a quote or a line's end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::cli {

class CsvReader {
 public:
  // A byte order mark, as spreadsheets write it, is skipped.
  explicit CsvReader(std::string_view text) noexcept;
  ~CsvReader();
  CsvReader(const CsvReader &) = delete;
  CsvReader &operator=(const CsvReader &) = delete;

  // The next record that isn't an empty line; false at the end. A record that is none has a problem() instead of
  // fields.
  bool next();
  const std::vector<std::string> &fields() const noexcept { return fields_; }
  const std::string &problem() const noexcept { return problem_; }
  std::uint32_t line() const noexcept { return begin_line_; }  // where the record begins

 private:
  void read_field();
  void read_quoted();
  void skip_line();
  bool at_line_end() const noexcept;
  char peek() const noexcept { return text_[at_]; }

  std::string_view text_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1, begin_line_ = 1;
  std::vector<std::string> fields_;
  std::string problem_;
};

}  // namespace keyward::cli
