// Buffered output, tables, colours and progress.
#include "cli/output.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/digest.hpp"
#include "base/utf8.hpp"

namespace keyward::cli {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 18;
constexpr std::size_t kHeldRows = 1000;  // that decide a table's widths

bool wants_colours(bool terminal) {
  const char *no_color = std::getenv("NO_COLOR");
  const char *term = std::getenv("TERM");
  return terminal && (no_color == nullptr || *no_color == '\0') &&
         (term == nullptr || std::string_view(term) != "dumb");
}

const char *code_of(Colour colour) {
  switch (colour) {
    case Colour::bold:
      return "\x1b[1m";
    case Colour::dim:
      return "\x1b[2m";
    case Colour::green:
      return "\x1b[32m";
    case Colour::yellow:
      return "\x1b[33m";
    case Colour::red:
      return "\x1b[31m";
    case Colour::none:
      break;
  }
  return "";
}

void paint(Output &out, const Cell &cell) {
  const bool coloured = out.colours() && cell.colour != Colour::none;
  if (coloured) {
    out.write(code_of(cell.colour));
  }
  out.write(cell.text);
  if (coloured) {
    out.write("\x1b[0m");
  }
}

// Code points: every column is text of people, who seldom write wide ones.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

}  // namespace

Output::Output(int fd) : fd_(fd), terminal_(isatty(fd) == 1), colours_(wants_colours(terminal_)) {
  buffer_.reserve(kBufferBytes);
}

Output::~Output() { wipe(buffer_.data(), buffer_.size()); }

void Output::write(std::string_view text) {
  while (!text.empty() && error_ == 0) {
    const auto part = text.substr(0, kBufferBytes - buffer_.size());
    buffer_.append(part);  // never beyond what is reserved: no copy of a key is left behind
    text.remove_prefix(part.size());
    if (buffer_.size() == kBufferBytes) {
      flush();
    }
  }
}

void Output::line(std::string_view text) {
  write(text);
  write("\n");
}

bool Output::flush() noexcept {
  std::string_view rest = buffer_;
  while (!rest.empty() && error_ == 0) {
    const auto written = ::write(fd_, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      error_ = errno;
    }
  }
  wipe(buffer_.data(), buffer_.size());
  buffer_.clear();
  return error_ == 0;
}

Table::Table(Output &out, std::vector<std::string> header) : out_(out) {
  std::vector<Cell> cells;
  for (auto &name : header) {
    widths_.push_back(width_of(name));
    cells.emplace_back(std::move(name), Colour::bold);
  }
  held_.push_back(std::move(cells));
}

void Table::row(std::vector<Cell> cells) {
  for (auto &cell : cells) {
    cell.text = printable(cell.text);
  }
  if (streaming_) {
    emit(cells);
    return;
  }
  for (std::size_t i = 0; i < cells.size(); ++i) {
    widths_[i] = std::max(widths_[i], width_of(cells[i].text));
  }
  held_.push_back(std::move(cells));
  if (held_.size() > kHeldRows) {
    finish();
  }
}

void Table::finish() {
  if (!streaming_ && held_.size() > 1) {
    for (const auto &cells : held_) {
      emit(cells);
    }
  }
  held_.clear();
  streaming_ = true;
}

void Table::emit(const std::vector<Cell> &cells) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    paint(out_, cells[i]);
    if (i + 1 < cells.size()) {
      const auto width = width_of(cells[i].text);
      out_.write(std::string((width < widths_[i] ? widths_[i] - width : 0) + 2, ' '));
    }
  }
  out_.write("\n");
}

void Fields::add(std::string_view name, Cell value) {
  value.text = printable(value.text);
  fields_.emplace_back(name, std::move(value));
}

void Fields::print(Output &out) const {
  std::size_t width = 0;
  for (const auto &[name, value] : fields_) {
    width = std::max(width, name.size());
  }
  for (const auto &[name, value] : fields_) {
    paint(out, Cell(name, Colour::bold));
    out.write(std::string(width - name.size() + 2, ' '));
    paint(out, value);
    out.write("\n");
  }
}

std::string printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const auto sequence = text.substr(0, std::max(utf8_length(text), std::size_t{1}));
    if (moves_a_terminal(sequence)) {
      result += '?';
    } else {
      result += sequence;
    }
    text.remove_prefix(sequence.size());
  }
  return result;
}

std::string counted(std::uint64_t number, std::string_view what) {
  return std::to_string(number).append(" ").append(what).append(number == 1 ? "" : "s");
}

void write_error_line(std::string text) {
  text += '\n';
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto written = ::write(STDERR_FILENO, rest.data(), rest.size());
    if (written < 0 && errno != EINTR) {
      return;
    }
    rest.remove_prefix(written < 0 ? 0 : static_cast<std::size_t>(written));
  }
}

std::string human_bytes(std::uint64_t bytes) {
  static constexpr const char *kUnits[] = {"bytes", "KB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text;
}

Progress::Progress(std::string_view what, std::size_t total, bool wanted)
    : what_(what), total_(total), shown_(wanted && total > 0 && isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (last_percent_ >= 0) {
    std::fputs("\r\x1b[K", stderr);
  }
}

void Progress::at(std::size_t count) {
  const int percent = total_ == 0 ? 0 : static_cast<int>(count * 100 / total_);
  // What is done in one step needs no bar.
  if (!shown_ || percent == last_percent_ || (last_percent_ < 0 && (percent == 0 || percent == 100))) {
    return;
  }
  last_percent_ = percent;
  constexpr int kWidth = 30;
  const auto full = static_cast<std::size_t>(percent * kWidth / 100);
  std::fprintf(stderr, "\r%s [%s%s] %3d%% of %zu", what_.c_str(), std::string(full, '=').c_str(),
               std::string(kWidth - full, ' ').c_str(), percent, total_);
  std::fflush(stderr);
}

}  // namespace keyward::cli
