// Unsigned decimal numbers: at the front of a text, without overflow; and written.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace keyward {

// Takes the digits at the front of text. false, text and value unspecified, if there are none or if the number is over max.
inline bool take_digits(std::string_view *text, std::uint64_t max, std::uint64_t *value) noexcept {
  std::uint64_t number = 0;
  std::size_t used = 0;
  for (; used < text->size() && (*text)[used] >= '0' && (*text)[used] <= '9'; ++used) {
    const auto digit = static_cast<std::uint64_t>((*text)[used] - '0');
    if (digit > max || number > (max - digit) / 10) {
      return false;
    }
    number = number * 10 + digit;
  }
  text->remove_prefix(used);
  *value = number;
  return used > 0;
}

// How many characters write_digits() writes at most.
inline constexpr std::size_t kMaxDigits = 20;

// Writes the number, and answers with its end. out: kMaxDigits bytes.
inline char *write_digits(char *out, std::uint64_t number) noexcept {
  return std::to_chars(out, out + kMaxDigits, number).ptr;
}

}  // namespace keyward
