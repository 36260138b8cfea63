// The scanner's loop, which is compiled with its sink.
#pragma once

#include <cstring>

#include "base/ascii.hpp"
#include "base/utf8.hpp"
#include "json/stream.hpp"

namespace keyward::json {

namespace stream {

constexpr std::uint64_t each(unsigned char byte) noexcept { return 0x0101010101010101ULL * byte; }

// Behind the characters at the front that stand for themselves in a string: printable ASCII but for the quote and the
// backslash. Eight at a time: the lowest bit that is found is of the first other one, as borrows go upwards.
inline const char *skip_plain(const char *at, const char *end) noexcept {
  const auto has_zero = [](std::uint64_t word) { return (word - each(1)) & ~word; };
  for (; end - at >= 8; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, 8);
    word = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? word : __builtin_bswap64(word);
    const std::uint64_t found =
        (word | ((word - each(0x20)) & ~word) | has_zero(word ^ each('"')) | has_zero(word ^ each('\\'))) & each(0x80);
    if (found != 0) {
      return at + __builtin_ctzll(found) / 8;
    }
  }
  while (at != end && static_cast<unsigned char>(*at - 0x20) < 0x60 && *at != '"' && *at != '\\') {
    ++at;
  }
  return at;
}

inline bool is_space(char c) noexcept { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

inline std::size_t write_utf8(std::uint32_t code, char *out) noexcept {
  if (code < 0x80) {
    out[0] = static_cast<char>(code);
    return 1;
  }
  const std::size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  for (std::size_t i = size - 1; i > 0; --i) {
    out[i] = static_cast<char>(0x80 | (code & 0x3f));
    code >>= 6;
  }
  out[0] = static_cast<char>((0xf00 >> size & 0xff) | code);
  return size;
}

}  // namespace stream

template <typename Sink>
void StreamScanner::show_lone(Sink &sink) {
  high_ = 0;
  lone_ = true;
  if (want_ == Want::decoded) {
    sink.text("\xef\xbf\xbd");
  }
}

// A whole "\uXXXX" was read.
template <typename Sink>
void StreamScanner::take_unit(Sink &sink) {
  const bool is_low = unit_ >= 0xdc00 && unit_ <= 0xdfff;
  std::uint32_t code = unit_;
  if (high_ != 0 && is_low) {
    code = 0x10000 + ((std::uint32_t{high_} - 0xd800) << 10) + (std::uint32_t{unit_} - 0xdc00);
    high_ = 0;
  } else {
    if (high_ != 0) {
      show_lone(sink);
    }
    if (is_low) {
      show_lone(sink);
      return;
    }
    if (unit_ >= 0xd800 && unit_ <= 0xdbff) {
      high_ = unit_;
      return;
    }
  }
  if (want_ == Want::decoded) {
    char out[4];
    const std::size_t size = stream::write_utf8(code, out);
    sink.text({out, size});
  }
}

// c follows a backslash.
template <typename Sink>
bool StreamScanner::scan_escape(char c, Sink &sink) {
  if (c == 'u') {
    state_ = State::hex;
    unit_ = 0;
    digits_ = 0;
    return true;
  }
  constexpr std::string_view kEscapes = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
  const std::size_t which = kEscapes.find(c);
  if (which == std::string_view::npos) {
    return refuse("an unknown escape");
  }
  if (high_ != 0) {
    show_lone(sink);
  }
  if (want_ == Want::decoded) {
    sink.text(kMeanings.substr(which, 1));
  }
  state_ = State::string;
  return true;
}

template <typename Sink>
void StreamScanner::end_string(std::uint64_t end, Sink &sink) {
  if (is_name_) {
    state_ = State::colon;
    sink.end_name(lone_);
  } else {
    end_value();
    sink.end(Kind::string, lone_, end);
  }
}

// Characters up to the quote, a backslash, or the end of the piece; *at is moved behind what was read.
template <typename Sink>
bool StreamScanner::scan_string(const char **at, const char *end, Sink &sink) {
  const char *const begin = *at;
  const char *here = begin;
  if (high_ != 0 && here != end && *here != '\\') {
    show_lone(sink);
  }
  for (;;) {
    here = stream::skip_plain(here, end);
    if (here == end || *here == '"' || *here == '\\') {
      break;
    }
    if (static_cast<unsigned char>(*here) < 0x20) {
      return refuse("a control character in a string");
    }
    const std::size_t length = utf8_length({here, static_cast<std::size_t>(end - here)});
    if (length == 0) {
      if (end - here >= 4) {
        return refuse("invalid UTF-8");
      }
      break;  // it may be a sequence that is cut
    }
    here += length;
  }
  *at = here;
  if (want_ != Want::nothing && here != begin) {
    sink.text({begin, static_cast<std::size_t>(here - begin)});
  }
  if (here != end && *here != '"' && *here != '\\') {
    held_ = 0;
    state_ = State::character;
  }
  return true;
}

// c isn't white space.
template <typename Sink>
bool StreamScanner::begin_value(char c, std::uint64_t at, Sink &sink) {
  if (c == '{' || c == '[') {
    sink.begin(c == '{' ? Kind::object : Kind::array, at);
    return open(c == '{');
  }
  if (c == '"') {
    is_name_ = lone_ = false;
    want_ = sink.begin(Kind::string, at);
    state_ = State::string;
    return true;
  }
  if (c == '-' || is_digit(c)) {
    want_ = sink.begin(Kind::number, at);
    number_ = c == '-' ? Number::minus : c == '0' ? Number::zero : Number::whole;
    state_ = State::number;
    return true;
  }
  rest_ = c == 't' ? "rue" : c == 'f' ? "alse" : c == 'n' ? "ull" : nullptr;
  if (rest_ == nullptr) {
    return refuse("an unexpected character");
  }
  sink.begin(Kind::literal, at);
  state_ = State::literal;
  return true;
}

template <typename Sink>
bool StreamScanner::scan(std::string_view piece, Sink &sink) {
  const char *const begin = piece.data();
  const char *const end = begin + piece.size();
  const char *at = begin;
  const auto offset = [&](const char *here) { return offset_ + static_cast<std::uint64_t>(here - begin); };
  const auto show_raw = [&](char c) {
    if (want_ == Want::raw) {
      sink.text({&c, 1});
    }
  };
  while (at != end) {
    const char c = *at;
    switch (state_) {
      case State::string:
        if (!scan_string(&at, end, sink)) {
          return false;
        }
        if (at != end && state_ == State::string) {
          show_raw(*at);
          if (*at++ == '\\') {
            state_ = State::escape;
          } else {
            end_string(offset(at), sink);
          }
        }
        continue;
      case State::character: {
        sequence_[held_++] = c;
        ++at;
        const auto lead = static_cast<unsigned char>(sequence_[0]);
        const std::size_t whole = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
        if (held_ == whole) {
          if (utf8_length({sequence_.data(), whole}) != whole) {
            return refuse("invalid UTF-8");
          }
          if (want_ != Want::nothing) {
            sink.text({sequence_.data(), whole});
          }
          state_ = State::string;
        } else if (lead < 0xc2 || lead > 0xf4 || (held_ > 1 && (static_cast<unsigned char>(c) & 0xc0) != 0x80)) {
          return refuse("invalid UTF-8");
        }
        continue;
      }
      case State::escape:
        show_raw(c);
        ++at;
        if (!scan_escape(c, sink)) {
          return false;
        }
        continue;
      case State::hex: {
        const int digit = is_digit(c) ? c - '0' : is_hex_digit(c) ? to_lower(c) - 'a' + 10 : -1;
        if (digit < 0) {
          return refuse("an unknown escape");
        }
        show_raw(c);
        ++at;
        unit_ = static_cast<std::uint16_t>(unit_ << 4 | digit);
        if (++digits_ == 4) {
          state_ = State::string;
          take_unit(sink);
        }
        continue;
      }
      case State::number: {
        const char *const from = at;
        while (at != end && take_number(*at)) {
          ++at;
        }
        if (want_ != Want::nothing && at != from) {
          sink.text({from, static_cast<std::size_t>(at - from)});
        }
        if (at != end) {
          if (!number_may_end()) {
            return refuse("an incomplete number");
          }
          end_value();
          sink.end(Kind::number, false, offset(at));
        }
        continue;
      }
      case State::literal:
        if (c != *rest_) {
          return refuse("an unexpected character");
        }
        ++at;
        if (*++rest_ == '\0') {
          end_value();
          sink.end(Kind::literal, false, offset(at));
        }
        continue;
      default:
        break;
    }
    ++at;
    if (stream::is_space(c)) {
      continue;
    }
    switch (state_) {
      case State::first_value:
      case State::first_name:
        if (c == (state_ == State::first_value ? ']' : '}')) {
          const Kind kind = c == ']' ? Kind::array : Kind::object;
          --depth_;
          end_value();
          sink.end(kind, false, offset(at));
          break;
        }
        if (state_ == State::first_value) {
          if (!begin_value(c, offset(at) - 1, sink)) {
            return false;
          }
          if (state_ == State::string || state_ == State::number) {
            show_raw(c);
          }
          break;
        }
        [[fallthrough]];
      case State::name:
        if (c != '"') {
          return refuse("an unexpected character");
        }
        is_name_ = true;
        lone_ = false;
        want_ = sink.begin_name();
        state_ = State::string;
        show_raw(c);
        break;
      case State::value:
        if (!begin_value(c, offset(at) - 1, sink)) {
          return false;
        }
        if (state_ == State::string || state_ == State::number) {
          show_raw(c);
        }
        break;
      case State::colon:
        if (c != ':') {
          return refuse("an unexpected character");
        }
        state_ = State::value;
        break;
      case State::comma:
        if (c == ',') {
          state_ = is_in_object() ? State::name : State::value;
          break;
        }
        if (c != (is_in_object() ? '}' : ']')) {
          return refuse("an unexpected character");
        }
        --depth_;
        end_value();
        sink.end(c == '}' ? Kind::object : Kind::array, false, offset(at));
        break;
      default:
        return refuse("more than one value");
    }
  }
  offset_ += piece.size();
  return true;
}

}  // namespace keyward::json
