// What an API key looks like: a prefix, random characters of one alphabet, and a checksum; or what others have made.
// As keyward_key_format writes it: `PREFIX hex=N | base62=N | base64url=N | uuid [checksum]
// [verifier=bcrypt[:COST]|sha256] [name=NAME]`, or `any [min=N] [max=N] [name=NAME]`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "key/verifier.hpp"

namespace keyward {

enum class Alphabet : std::uint8_t {
  hex,
  base62,
  base64url,
  uuid,  // RFC 9562, section 4: hexadecimal digits with hyphens between them, whatever their case
  any,   // printable ASCII without spaces; nobody mints it
};

struct KeyFormat {
  std::string prefix;
  Alphabet alphabet = Alphabet::base62;
  std::size_t random_length = 0;  // characters; of any: the least
  bool checksum = false;
  VerifierChoice verifier;
  std::size_t spread = 0;      // of any: how much longer a key may be
  std::string name;            // what keyward_accept calls it: name=, else the prefix, else its kind
  std::uint64_t name_bit = 1;  // the same for formats that share a name (KeyFormats)

  std::size_t length() const noexcept;  // characters of a whole key; of any: the least

  // Whether text begins with this prefix.
  bool claims(std::string_view text) const noexcept;
  // Whether text is a key of this format: its frame (length and prefix), and its characters: those of the alphabet (of
  // hex in lower case only), and the checksum's. The frame costs next to nothing to look at. No hashing. Never
  // allocates.
  bool matches(std::string_view text) const noexcept { return has_frame(text) && has_characters(text); }
  bool has_frame(std::string_view text) const noexcept { return text.size() - length() <= spread && claims(text); }
  bool has_characters(std::string_view text) const noexcept;  // of what has the frame
  bool has_alphabet(std::string_view text) const noexcept;    // the same without the checksum
  // A new key of this format, which isn't any.
  std::string mint() const;
};

// kw_, 43 of base62, checksum, bcrypt of cost 10.
const KeyFormat &default_key_format();

// Parses the words of keyward_key_format, e.g. {"nrp_", "hex=64", "verifier=sha256"}. false with a
// sentence in error that quotes the offending word and says what to write. Refused: an empty prefix (but of uuid) or
// one with other than [A-Za-z0-9_-], less than 128 random bits (but of uuid and any), more than 72 bytes in all with
// bcrypt, more than 512 bytes at all, unknown or repeated words.
bool parse_key_format(const std::vector<std::string_view> &words, KeyFormat *format, std::string *error);
// The same from one string of words separated by blanks (`--format 'nrp_ hex=64'`); "" or '' is the empty word. Refuses
// any, by which no key can be made.
bool parse_key_format(std::string_view text, KeyFormat *format, std::string *error);

// The words of a format, without a verifier, as parse_key_format() reads them: `nrp_ hex=64 checksum name=live`.
std::string to_text(const KeyFormat &format);

// What a list may show of a key: the format's prefix, the next head and the last tail characters,
// joined by "..." (8 and 4). prefix is the part of key that names its kind ("" for none). A key
// too short to keep at least 12 of its other characters hidden shows only its prefix and "...".
std::string preview_of(std::string_view key, std::string_view prefix, std::size_t head = 8, std::size_t tail = 4);

}  // namespace keyward
