// One pass over a JSON text's characters.
#include "json/scan.hpp"

#include <array>
#include <cstdint>

#include "base/utf8.hpp"

namespace keyward::json {

namespace {

constexpr std::uint32_t kNoUnit = ~std::uint32_t{0};

bool is_high_surrogate(std::uint32_t unit) noexcept { return unit >= 0xd800 && unit <= 0xdbff; }
bool is_low_surrogate(std::uint32_t unit) noexcept { return unit >= 0xdc00 && unit <= 0xdfff; }

// The value of "\uXXXX" at the front of text; kNoUnit if it doesn't begin so.
std::uint32_t code_unit(std::string_view text) noexcept {
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u') {
    return kNoUnit;
  }
  std::uint32_t value = 0;
  for (const char c : text.substr(2, 4)) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) {
      return kNoUnit;
    }
    value = value * 16 + static_cast<std::uint32_t>(digit);
  }
  return value;
}

// The length of the escape at the front of text; 0, and problem, if it is none.
std::size_t escape_length(std::string_view text, const char **problem) noexcept {
  *problem = "an unknown escape";
  if (text.size() < 2) {
    return 0;
  }
  if (text[1] != 'u') {
    return std::string_view("\"\\/bfnrt").find(text[1]) == std::string_view::npos ? 0 : 2;
  }
  const std::uint32_t unit = code_unit(text);
  if (unit == kNoUnit) {
    return 0;
  }
  if (!is_high_surrogate(unit) && !is_low_surrogate(unit)) {
    return 6;
  }
  *problem = "a lone surrogate";
  return is_high_surrogate(unit) && is_low_surrogate(code_unit(text.substr(6))) ? 12 : 0;
}

// The length of what is at the front of text, inside a string; 0, and problem, if that can't be there.
std::size_t character_length(std::string_view text, const char **problem) noexcept {
  const auto byte = static_cast<unsigned char>(text.front());
  if (byte == '\\') {
    return escape_length(text, problem);
  }
  if (byte < 0x20) {
    *problem = "a control character in a string";
    return 0;
  }
  *problem = "invalid UTF-8";
  return byte < 0x80 ? 1 : utf8_length(text);
}

// Where a byte may stand by itself.
enum : std::uint8_t { kInStrings = 1, kBetweenStrings = 2 };

constexpr std::array<std::uint8_t, 256> make_places() {
  std::array<std::uint8_t, 256> places = {};
  for (std::size_t byte = 0x20; byte < 0x80; ++byte) {
    const bool plain = byte != '"' && byte != '\\';
    const bool letter = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z');
    places[byte] = static_cast<std::uint8_t>((plain ? kInStrings : 0) | (letter ? kBetweenStrings : 0));
  }
  for (const char c : std::string_view(" \t\n\r{}[]:,\"-+.E")) {
    places[static_cast<unsigned char>(c)] |= kBetweenStrings;
  }
  return places;
}

constexpr std::array<std::uint8_t, 256> kPlaces = make_places();

bool may_be(char c, std::uint8_t place) noexcept { return (kPlaces[static_cast<unsigned char>(c)] & place) != 0; }

}  // namespace

ScanResult scan(std::string_view text, std::size_t depth, std::size_t values) noexcept {
  std::size_t open = 0;
  std::size_t begun = 1;  // values, at most: one more at each comma and opening bracket
  bool in_string = false;
  for (std::size_t at = 0; at < text.size();) {
    if (in_string) {
      while (at < text.size() && may_be(text[at], kInStrings)) {
        ++at;
      }
      if (at == text.size()) {
        break;
      }
    }
    const char c = text[at];
    if (c == '"') {
      in_string = !in_string;
      ++at;
      continue;
    }
    if (in_string) {
      const char *problem = nullptr;
      const std::size_t length = character_length(text.substr(at), &problem);
      if (length == 0) {
        return {problem, at};
      }
      at += length;
      continue;
    }
    if (!may_be(c, kBetweenStrings)) {
      return {"an unexpected character", at};
    }
    if ((c == '{' || c == '[') && ++open > depth) {
      return {"too many levels of nesting", at};
    }
    if ((c == ',' || c == '{' || c == '[') && ++begun > values) {
      return {"too many values", at};
    }
    if ((c == '}' || c == ']') && open-- == 0) {
      return {"a bracket that closes nothing", at};
    }
    ++at;
  }
  // yajl takes the beginning of a string behind the value for nothing.
  return in_string ? ScanResult{"a string without an end", text.size()} : ScanResult();
}

}  // namespace keyward::json
