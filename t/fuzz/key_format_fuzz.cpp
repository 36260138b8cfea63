// Key formats: the words of keyward_key_format, then a key. A format that is accepted is as strong as it has to be,
// knows a key of its own, and no key that differs from one by a character.
#include "key/key_formats.hpp"

#include <string>

#include "base/base62.hpp"
#include "fuzz.hpp"
#include "key_formats.hpp"
#include "lines.hpp"

using namespace keyward;

namespace {

std::string_view characters_of(Alphabet alphabet) {
  switch (alphabet) {
    case Alphabet::hex:
      return "0123456789abcdef";
    case Alphabet::base62:
      return kBase62Alphabet;
    case Alphabet::base64url:
      break;
    case Alphabet::uuid:
      return "0123456789abcdef-ABCDEF";
    case Alphabet::any:
      return {};
  }
  return "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
}

// Of these bytes rather than by chance, so that a run can be repeated.
std::string key_of(const KeyFormat &format, std::string_view bytes) {
  const std::string_view characters = characters_of(format.alphabet);
  std::string key = format.prefix;
  for (std::size_t i = 0; i < format.random_length; ++i) {
    const unsigned byte = bytes.empty() ? 0 : static_cast<unsigned char>(bytes[i % bytes.size()]);
    const bool hyphen = format.alphabet == Alphabet::uuid && (i == 8 || i == 13 || i == 18 || i == 23);
    key += hyphen ? '-' : characters[(byte + i) % (format.alphabet == Alphabet::uuid ? 16 : characters.size())];
  }
  if (format.checksum) {
    char checksum[kChecksumLength];
    checksum_of(key, checksum);
    key.append(checksum, kChecksumLength);
  }
  return key;
}

void look_at_own_key(const KeyFormat &format, std::string_view bytes) {
  std::string key = key_of(format, bytes);
  fuzz::must(key.size() == format.length() && format.claims(key) && format.matches(key));
  fuzz::must(!format.matches(key + "0") && !format.matches(std::string_view(key).substr(1)));
  fuzz::must(!format.matches(std::string_view(key).substr(0, key.size() - 1)));
  const std::string shown = preview_of(key, format.prefix);
  fuzz::must(shown.size() <= format.prefix.size() + 15);
  // Of the rest 12 characters at least are hidden.
  fuzz::must(shown.size() - format.prefix.size() - 3 + 12 <= key.size() - format.prefix.size());
  if (!format.checksum) {
    return;
  }
  // CRC-32 tells any one character from any other.
  const std::size_t at = bytes.empty() ? 0 : static_cast<unsigned char>(bytes.back()) % key.size();
  key[at] = key[at] == '1' ? '2' : '1';
  fuzz::must(!format.matches(key));
}

// As nginx.conf has formats. Each text is of one of them at most.
void look_at_all(std::string_view text, std::string_view key) {
  const KeyFormats formats = fuzz::read_key_formats(text);
  std::size_t matching = 0, any = 0;
  for (const KeyFormat &format : formats.all()) {
    const bool matches = format.has_frame(key) && format.has_characters(key);
    (format.alphabet == Alphabet::any ? any : matching) += matches ? 1 : 0;
  }
  fuzz::must(matching <= 1 && any <= 1);
  const FormatMatch match = formats.find(key);
  fuzz::must(matching == 0 || (match.has_frame && match.format->has_characters(key)));
  fuzz::must(match.format == nullptr || match.format->claims(key));
  const KeyFormat *other = formats.find_any(key);
  fuzz::must((other != nullptr && other->has_characters(key)) == (any == 1));
  const std::string why = formats.why_not(key);
  fuzz::must(formats.empty() || why.empty() == (matching == 1 || (match.format == nullptr && any == 1)));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  std::string_view key = fuzz::text_of(data, size);
  const std::string_view words = fuzz::take_line(&key);
  look_at_all(words, key);
  KeyFormat format;
  std::string error;
  if (!parse_key_format(words, &format, &error)) {
    fuzz::must(!error.empty());
    return 0;
  }
  fuzz::must(error.empty() && format.length() <= 512 && format.alphabet != Alphabet::any);
  fuzz::must(!format.prefix.empty() || format.alphabet == Alphabet::uuid);
  fuzz::must(format.random_length >= (format.alphabet == Alphabet::hex ? 32U : 22U));
  KeyFormat again;
  fuzz::must(parse_key_format(to_text(format), &again, &error) && to_text(again) == to_text(format));
  fuzz::must(format.verifier.kind != VerifierKind::bcrypt || format.length() <= 72);
  look_at_own_key(format, key);
  fuzz::must(format.claims(key) == (key.substr(0, format.prefix.size()) == format.prefix));
  if (format.matches(key)) {
    fuzz::must(format.claims(key) && key.size() == format.length());
    const std::string_view drawn = key.substr(format.prefix.size(), format.random_length);
    fuzz::must(drawn.find_first_not_of(characters_of(format.alphabet)) == std::string_view::npos);
  }
  const std::string shown = preview_of(key, format.prefix);
  for (const char c : shown) {
    fuzz::must(c >= 0x20 && c <= 0x7e);
  }
  return 0;
}
