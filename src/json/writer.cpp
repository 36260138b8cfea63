// JSON out: commas, indentation and escapes.
#include <cstdint>
#include <cstring>

#include "base/utf8.hpp"
#include "json/json.hpp"

namespace keyward::json {

namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

// What the front of a text is written as: a view of it, or of the buffer.
struct Piece {
  std::string_view written;
  std::size_t consumed;
};

// Of a sequence of two or three bytes.
std::uint32_t code_point_of(std::string_view sequence) noexcept {
  std::uint32_t point = static_cast<unsigned char>(sequence[0]) & (sequence.size() == 2 ? 0x1fU : 0x0fU);
  for (std::size_t i = 1; i < sequence.size(); ++i) {
    point = point << 6 | (static_cast<unsigned char>(sequence[i]) & 0x3fU);
  }
  return point;
}

// \uXXXX, in buffer; code points up to U+FFFF.
std::string_view numbered(std::uint32_t point, char (&buffer)[6]) noexcept {
  constexpr char kDigits[] = "0123456789abcdef";
  buffer[0] = '\\';
  buffer[1] = 'u';
  for (unsigned i = 0; i < 4; ++i) {
    buffer[2 + i] = kDigits[point >> (12 - 4 * i) & 15];
  }
  return {buffer, sizeof(buffer)};
}

// text isn't empty. The result may point into buffer.
Piece next_piece(std::string_view text, char (&buffer)[6]) noexcept {
  const auto byte = static_cast<unsigned char>(text.front());
  if (byte >= 0x80) {
    const std::size_t length = utf8_length(text);
    if (length == 0) {
      return {kReplacement, 1};
    }
    const std::string_view sequence = text.substr(0, length);
    // Nobody who looks at JSON on a terminal is to be misled by a name.
    return {moves_a_terminal(sequence) ? numbered(code_point_of(sequence), buffer) : sequence, length};
  }
  switch (byte) {
    case '"':
      return {"\\\"", 1};
    case '\\':
      return {"\\\\", 1};
    case '\n':
      return {"\\n", 1};
    case '\r':
      return {"\\r", 1};
    case '\t':
      return {"\\t", 1};
    default:
      break;
  }
  return {moves_a_terminal(text.substr(0, 1)) ? numbered(byte, buffer) : text.substr(0, 1), 1};
}

}  // namespace

std::size_t escaped_length(std::string_view text) noexcept {
  std::size_t length = 0;
  char buffer[6];
  while (!text.empty()) {
    const Piece piece = next_piece(text, buffer);
    length += piece.written.size();
    text.remove_prefix(piece.consumed);
  }
  return length;
}

char *escape(char *out, std::string_view text) noexcept {
  char buffer[6];
  while (!text.empty()) {
    const Piece piece = next_piece(text, buffer);
    std::memcpy(out, piece.written.data(), piece.written.size());
    out += piece.written.size();
    text.remove_prefix(piece.consumed);
  }
  return out;
}

void Writer::newline() {
  if (pretty_) {
    out_ += '\n';
    out_.append(2 * depth_, ' ');
  }
}

// What comes before a value or a member's name.
void Writer::separate() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (!first_) {
    out_ += ',';
  }
  first_ = false;
  if (depth_ > 0) {
    newline();
  }
}

void Writer::open(char bracket) {
  separate();
  out_ += bracket;
  ++depth_;
  first_ = true;
}

void Writer::close(char bracket) {
  --depth_;
  if (!first_) {
    newline();
  }
  out_ += bracket;
  first_ = false;
}

void Writer::quoted(std::string_view text) {
  const std::size_t begin = out_.size();
  out_.resize(begin + escaped_length(text) + 2, '"');
  escape(&out_[begin + 1], text);
}

Writer &Writer::begin_object() {
  open('{');
  return *this;
}

Writer &Writer::end_object() {
  close('}');
  return *this;
}

Writer &Writer::begin_array() {
  open('[');
  return *this;
}

Writer &Writer::end_array() {
  close(']');
  return *this;
}

Writer &Writer::key(std::string_view name) {
  separate();
  quoted(name);
  out_ += pretty_ ? ": " : ":";
  after_key_ = true;
  return *this;
}

Writer &Writer::string(std::string_view text) {
  separate();
  quoted(text);
  return *this;
}

Writer &Writer::number(std::int64_t value) {
  separate();
  out_ += std::to_string(value);
  return *this;
}

Writer &Writer::as_written(std::string_view json) {
  separate();
  out_ += json;
  return *this;
}

Writer &Writer::value(const Value &value) {
  switch (value.type) {
    case Value::Type::null:
      return null();
    case Value::Type::boolean:
      return boolean(value.boolean);
    case Value::Type::number:
      return as_written(value.text);
    case Value::Type::string:
      return string(value.text);
    case Value::Type::array:
      begin_array();
      for (const Value &item : value.items) {
        this->value(item);
      }
      return end_array();
    case Value::Type::object:
      begin_object();
      for (const auto &[name, member] : value.members) {
        key(name).value(member);
      }
      return end_object();
  }
  return *this;
}

Writer &Writer::boolean(bool value) {
  separate();
  out_ += value ? "true" : "false";
  return *this;
}

Writer &Writer::null() {
  separate();
  out_ += "null";
  return *this;
}

}  // namespace keyward::json
