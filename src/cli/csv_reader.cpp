// Splitting a text into fields.
#include "cli/csv_reader.hpp"

#include "base/digest.hpp"

namespace keyward::cli {
namespace {

void wipe_all(std::vector<std::string> *fields) noexcept {
  for (std::string &field : *fields) {
    wipe(field.data(), field.size());
  }
  fields->clear();
}

}  // namespace

CsvReader::CsvReader(std::string_view text) noexcept : text_(text) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  at_ = text.substr(0, kMark.size()) == kMark ? kMark.size() : 0;
}

CsvReader::~CsvReader() { wipe_all(&fields_); }

bool CsvReader::at_line_end() const noexcept {
  return at_ == text_.size() || peek() == '\n' || text_.substr(at_, 2) == "\r\n" ||
         (peek() == '\r' && at_ + 1 == text_.size());
}

// To the beginning of the next line.
void CsvReader::skip_line() {
  const auto end = text_.find('\n', at_);
  at_ = end == std::string_view::npos ? text_.size() : end + 1;
  ++line_;
}

bool CsvReader::next() {
  wipe_all(&fields_);
  problem_.clear();
  while (at_ < text_.size() && at_line_end()) {
    skip_line();
  }
  if (at_ == text_.size()) {
    return false;
  }
  begin_line_ = line_;
  for (;;) {
    read_field();
    if (!problem_.empty() || at_line_end()) {
      break;
    }
    ++at_;  // a comma
  }
  if (!problem_.empty()) {
    wipe_all(&fields_);
  }
  skip_line();
  return true;
}

void CsvReader::read_field() {
  fields_.emplace_back();
  if (at_ < text_.size() && peek() == '"') {
    read_quoted();
    return;
  }
  const std::size_t begin = at_;
  while (!at_line_end() && peek() != ',') {
    if (peek() == '"') {
      problem_ = "a quote stands in a value that isn't quoted itself";
      return;
    }
    ++at_;
  }
  fields_.back() = text_.substr(begin, at_ - begin);
}

void CsvReader::read_quoted() {
  std::string &field = fields_.back();
  for (++at_; at_ < text_.size(); ++at_) {
    if (peek() == '"') {
      if (text_.substr(at_, 2) != "\"\"") {
        ++at_;
        if (!at_line_end() && peek() != ',') {
          problem_ = "a quoted value is followed by something else than a comma";
        }
        return;
      }
      ++at_;
    }
    line_ += peek() == '\n' ? 1U : 0U;
    field.push_back(peek());
  }
  problem_ = "a quoted value has no end";
}

}  // namespace keyward::cli
