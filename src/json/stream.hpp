// A strict JSON scanner that takes a text piece by piece, in one pass over its bytes, and needs no memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace keyward::json {

enum class Kind : std::uint8_t { object, array, string, number, literal };

// What of a string or a number is shown: nothing, its characters, or its bytes as they were written (with quotes).
enum class Want : std::uint8_t { nothing, decoded, raw };

// What is found is told to a Sink, which has
//   Want begin(Kind, std::uint64_t at);            // a value begins at this byte of the text
//   void end(Kind, bool lone_surrogate, std::uint64_t end);  // and has ended before this one; the flag is of a string
//   Want begin_name();                             // a member's name
//   void end_name(bool lone_surrogate);
//   void text(std::string_view);                   // the next part of what was wanted
// all of which may throw. A lone surrogate in an escape is shown as U+FFFD.
//
// Refuses what RFC 8259 refuses, a byte order mark, invalid UTF-8, more than kMaxDepth open brackets, and more than one
// value. Duplicate members are the sink's business.
class StreamScanner {
 public:
  static constexpr std::size_t kMaxDepth = 128;

  // The next piece. false: this is no JSON, and what follows must not be given any more. Defined in stream_scan.hpp, for
  // the files that have a sink.
  template <typename Sink>
  bool scan(std::string_view piece, Sink &sink);

  // After the last piece: whether it was one whole value.
  bool is_whole() const noexcept;
  std::size_t depth() const noexcept { return depth_; }
  // What is wrong, as words; nullptr: nothing yet.
  const char *problem() const noexcept { return problem_; }

 private:
  enum class State : std::uint8_t {
    value,
    first_value,  // or `]`
    first_name,   // or `}`
    name,
    colon,
    comma,  // or the bracket that closes
    string,
    character,  // within a sequence of UTF-8 that began in an earlier piece
    escape,
    hex,
    number,
    literal,
    done,
  };
  // Where in a number, by what came last.
  enum class Number : std::uint8_t { minus, zero, whole, point, fraction, exponent, sign, power };

  bool is_in_object() const noexcept {
    const std::size_t at = depth_ - 1U;
    return (objects_[at / 64] >> at % 64 & 1) != 0;
  }
  bool open(bool is_object) noexcept;
  void end_value() noexcept { state_ = depth_ == 0 ? State::done : State::comma; }
  bool refuse(const char *problem) noexcept {
    problem_ = problem;
    return false;
  }
  // Whether c goes on with the number. false: it has ended before c, or is none.
  bool take_number(char c) noexcept;
  bool number_may_end() const noexcept;

  template <typename Sink>
  bool scan_string(const char **at, const char *end, Sink &sink);
  template <typename Sink>
  bool scan_escape(char c, Sink &sink);
  template <typename Sink>
  void take_unit(Sink &sink);
  template <typename Sink>
  void show_lone(Sink &sink);
  template <typename Sink>
  bool begin_value(char c, std::uint64_t at, Sink &sink);
  template <typename Sink>
  void end_string(std::uint64_t end, Sink &sink);

  State state_ = State::value;
  Number number_ = Number::minus;
  bool is_name_ = false;  // of the string
  bool lone_ = false;
  Want want_ = Want::nothing;
  std::uint8_t depth_ = 0;
  std::uint8_t held_ = 0, digits_ = 0;
  std::array<char, 4> sequence_ = {};  // held_ bytes of a sequence that is cut
  std::uint16_t unit_ = 0, high_ = 0;  // of an escape; a high surrogate whose low one has to follow
  const char *rest_ = "";              // of a literal
  const char *problem_ = nullptr;
  std::uint64_t offset_ = 0;  // of the piece in the text
  std::array<std::uint64_t, kMaxDepth / 64> objects_ = {};
};

}  // namespace keyward::json
