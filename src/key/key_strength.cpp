// Guessing how much chance is in a key.
#include "key/key_strength.hpp"

#include <cstddef>

#include "base/ascii.hpp"

namespace keyward {
namespace {

bool is_word(char c) noexcept { return is_alphanumeric(c) || c == '-' || c == '_'; }

}  // namespace

std::string_view kind_of(std::string_view key) noexcept {
  std::size_t end = 0;
  while (true) {
    std::size_t next = end;
    while (next < key.size() && next - end <= 12 &&
           ((key[next] >= 'a' && key[next] <= 'z') || (key[next] >= '0' && key[next] <= '9'))) {
      ++next;
    }
    if (next == end || next >= key.size() || key[next] != '_') {
      return key.substr(0, end);
    }
    end = next + 1;
  }
}

bool looks_strong(std::string_view key) noexcept {
  const auto secret = key.substr(kind_of(key).size());
  bool digits = true, hex = true, word = true;
  bool seen[256] = {};
  std::size_t distinct = 0;
  for (const char c : secret) {
    digits = digits && is_digit(c);
    hex = hex && is_hex_digit(c);
    word = word && is_word(c);
    auto &known = seen[static_cast<unsigned char>(c)];
    distinct += known ? 0 : 1;
    known = true;
  }
  const std::size_t least = digits ? 39 : hex ? 32 : 22;  // characters that can hold 128 bits
  return word && secret.size() >= least && distinct >= 8;
}

bool has_strong_part(std::string_view text) noexcept {
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = begin;
    while (end < text.size() && is_word(text[end])) {
      ++end;
    }
    if (looks_strong(text.substr(begin, end - begin))) {
      return true;
    }
    begin = end + 1;
  }
  return false;
}

}  // namespace keyward
