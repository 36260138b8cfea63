// What the command writes: a buffered standard output that remembers a failed write, tables, colours, progress.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::cli {

// Buffers; wipes its buffer, which may have held a key. After a failed write it takes nothing more.
class Output {
 public:
  explicit Output(int fd);
  ~Output();
  Output(const Output &) = delete;
  Output &operator=(const Output &) = delete;

  bool terminal() const noexcept { return terminal_; }
  bool colours() const noexcept { return colours_; }

  void write(std::string_view text);
  void line(std::string_view text);
  // Hands everything to the system; false if a write failed, now or before.
  bool flush() noexcept;
  bool failed() const noexcept { return error_ != 0; }
  int error() const noexcept { return error_; }  // errno of the first failure

 private:
  int fd_;
  bool terminal_, colours_;
  int error_ = 0;
  std::string buffer_;
};

enum class Colour : std::uint8_t { none, bold, dim, green, yellow, red };

struct Cell {
  std::string text;
  Colour colour = Colour::none;

  Cell(std::string words, Colour hue = Colour::none) : text(std::move(words)), colour(hue) {}
  Cell(const char *words) : text(words) {}
};

// Rows in aligned columns. The first rows decide the widths, so that a table of any length can stream.
class Table {
 public:
  Table(Output &out, std::vector<std::string> header);
  void row(std::vector<Cell> cells);
  // Writes what is held back; a table without rows writes nothing.
  void finish();

 private:
  void emit(const std::vector<Cell> &cells);

  Output &out_;
  std::vector<std::size_t> widths_;
  std::vector<std::vector<Cell>> held_;
  bool streaming_ = false;
};

// One thing's properties: a name and a value in each line.
class Fields {
 public:
  void add(std::string_view name, Cell value);
  void print(Output &out) const;
  const std::vector<std::pair<std::string, Cell>> &all() const noexcept { return fields_; }

 private:
  std::vector<std::pair<std::string, Cell>> fields_;
};

// text without what could move a terminal's cursor or turn its writing direction: each such character becomes '?'.
std::string printable(std::string_view text);

// One line to standard error, in one piece. Where that fails there is nobody left to tell.
void write_error_line(std::string text);

// "1 key", "2 keys".
std::string counted(std::uint64_t number, std::string_view what);

// "12.3 MB".
std::string human_bytes(std::uint64_t bytes);

// A bar on standard error, only if that is a terminal, and if there is more than one step to show.
class Progress {
 public:
  Progress(std::string_view what, std::size_t total, bool wanted);
  ~Progress();
  Progress(const Progress &) = delete;
  Progress &operator=(const Progress &) = delete;
  void at(std::size_t count);

 private:
  std::string what_;
  std::size_t total_;
  bool shown_;
  int last_percent_ = -1;
};

}  // namespace keyward::cli
