// Unsigned decimal numbers: at the front of a text, without overflow; and written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace keyward {

// Takes the digits at the front of text. false, text and value unspecified, if there are none or if the number is over
// max.
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

// A number in decimal has at most so many characters.
inline constexpr std::size_t kMaxDigits = 20;

// Writes the number so that it ends right before `end`, where kMaxDigits bytes must be free, and answers with where it
// begins. From the end, as then nobody needs to know first how long it gets: a quarter of std::to_chars.
inline char *write_digits_before(char *end, std::uint64_t number) noexcept {
  static constexpr char kPairs[] =
      "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849505152535455"
      "5657585960616263"
      "646566676869707172737475767778798081828384858687888990919293949596979899";
  while (number >= 100) {
    end -= 2;
    std::memcpy(end, kPairs + 2 * (number % 100), 2);
    number /= 100;
  }
  if (number >= 10) {
    end -= 2;
    std::memcpy(end, kPairs + 2 * number, 2);
  } else {
    *--end = static_cast<char>('0' + number);
  }
  return end;
}

}  // namespace keyward
