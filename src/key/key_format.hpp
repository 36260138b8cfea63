// What an API key looks like: a prefix, random characters of one alphabet, and a checksum.
// As keyward_key_format writes it: `PREFIX hex=N | base62=N | base64url=N [checksum] [verifier=bcrypt[:COST]|sha256]`.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "key/verifier.hpp"

namespace keyward {

enum class Alphabet { hex, base62, base64url };

struct KeyFormat {
  std::string prefix;
  Alphabet alphabet = Alphabet::base62;
  std::size_t random_length = 0;  // characters
  bool checksum = false;
  VerifierChoice verifier;

  std::size_t length() const noexcept;  // characters of a whole key

  // Whether text begins with this prefix.
  bool claims(std::string_view text) const noexcept;
  // Whether text is a key of this format: its frame (length and prefix), and its characters: those of the alphabet (of
  // hex in lower case only), and the checksum's. The frame costs next to nothing to look at. No hashing. Never
  // allocates.
  bool matches(std::string_view text) const noexcept { return has_frame(text) && has_characters(text); }
  bool has_frame(std::string_view text) const noexcept { return text.size() == length() && claims(text); }
  bool has_characters(std::string_view text) const noexcept;  // of what has the frame
  // A new key of this format.
  std::string mint() const;
};

// What the formats make of a text. No hashing. Never allocates.
struct FormatMatch {
  const KeyFormat *format = nullptr;  // whose prefix the text begins with; nullptr: it is no key
  bool has_frame = false;             // and it is as long as that one's keys; its characters weren't looked at
};
inline FormatMatch find_format(const std::vector<KeyFormat> &formats, std::string_view text) noexcept {
  FormatMatch match;
  for (const KeyFormat &format : formats) {
    if (format.claims(text)) {
      match.format = &format;
      match.has_frame = format.has_frame(text);
      if (match.has_frame) {
        break;  // no other one has: of prefixes that begin alike keys differ in length
      }
    }
  }
  return match;
}

// kw_, 43 of base62, checksum, bcrypt of cost 10.
const KeyFormat &default_key_format();

// Parses the words of keyward_key_format, e.g. {"nrp_", "hex=64", "verifier=sha256"}. false with a
// sentence in error that quotes the offending word and says what to write. Refused: an empty prefix or one
// with other than [A-Za-z0-9_-], less than 128 random bits, more than 72 bytes in all with bcrypt,
// more than 512 bytes at all, unknown or repeated words.
bool parse_key_format(const std::vector<std::string_view> &words, KeyFormat *format, std::string *error);
// The same from one string of words separated by blanks (`--format 'nrp_ hex=64'`).
bool parse_key_format(std::string_view text, KeyFormat *format, std::string *error);

// What a list may show of a key: the format's prefix, the next head and the last tail characters,
// joined by "..." (8 and 4). prefix is the part of key that names its kind ("" for none). A key
// too short to keep at least 12 of its other characters hidden shows only its prefix and "...".
std::string preview_of(std::string_view key, std::string_view prefix, std::size_t head = 8, std::size_t tail = 4);

}  // namespace keyward
