// Formats of API keys: reading them from words, recognising and minting keys.
#include "key/key_format.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "base/base62.hpp"
#include "base/digits.hpp"
#include "base/quote.hpp"

namespace keyward {

namespace {

constexpr std::size_t kMaxKeyLength = 512;
constexpr std::size_t kPreviewHidden = 12;

struct AlphabetInfo {
  std::string_view word;
  std::string_view characters;
  std::size_t least_length;  // that makes 128 bits: 4, 5.95, 6 bits a character
};

// In the order of Alphabet.
constexpr std::array<AlphabetInfo, 3> kAlphabets = {{
    {"hex", "0123456789abcdef", 32},
    {"base62", kBase62Alphabet, 22},
    {"base64url", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 22},
}};

const AlphabetInfo &info_of(Alphabet alphabet) noexcept { return kAlphabets[static_cast<std::size_t>(alphabet)]; }

// For each byte, a bit for each alphabet that has it: a request's key is looked at in one pass.
constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> classes{};
  for (std::size_t i = 0; i < kAlphabets.size(); ++i) {
    for (const char c : kAlphabets[i].characters) {
      std::uint8_t &bits = classes[static_cast<unsigned char>(c)];
      bits = static_cast<std::uint8_t>(bits | (1U << i));
    }
  }
  return classes;
}

constexpr std::array<std::uint8_t, 256> kClasses = make_classes();

bool is_of(Alphabet alphabet, std::string_view text) noexcept {
  unsigned bits = 1U << static_cast<unsigned>(alphabet);
  for (const char c : text) {
    bits &= kClasses[static_cast<unsigned char>(c)];
  }
  return bits != 0;
}

// What has been read so far, to see repetitions.
struct Seen {
  bool alphabet = false;
  bool checksum = false;
  bool verifier = false;
};

bool fail(std::string *error, std::string sentence) {
  *error = std::move(sentence);
  return false;
}

bool parse_alphabet(std::string_view word, const AlphabetInfo &alphabet, KeyFormat *format, std::string *error) {
  std::string_view digits = word.substr(alphabet.word.size() + 1);
  std::uint64_t length = 0;
  const std::string name(alphabet.word);
  const std::string least = std::to_string(alphabet.least_length);
  if (digits.substr(0, 1) == "0" || !take_digits(&digits, kMaxKeyLength, &length) || !digits.empty()) {
    return fail(error, quote(word) + " needs a number of characters from " + least + " to " +
                           std::to_string(kMaxKeyLength) + "; write " + name + "=43");
  }
  if (length < alphabet.least_length) {
    return fail(error, quote(word) + " is less than 128 random bits; write " + name + "=" + least + " or more");
  }
  format->alphabet = static_cast<Alphabet>(&alphabet - kAlphabets.data());
  format->random_length = static_cast<std::size_t>(length);
  return true;
}

bool parse_word(std::string_view word, KeyFormat *format, Seen *seen, std::string *error) {
  const auto once = [word, error](bool *flag) {
    if (*flag) {
      return fail(error, quote(word) + " is a second parameter of its kind; write only one");
    }
    return *flag = true;
  };
  constexpr std::string_view kVerifier = "verifier=";
  if (word == "checksum") {
    format->checksum = true;
    return once(&seen->checksum);
  }
  if (word.substr(0, kVerifier.size()) == kVerifier) {
    return once(&seen->verifier) && parse_verifier(word.substr(kVerifier.size()), &format->verifier, error);
  }
  for (const AlphabetInfo &alphabet : kAlphabets) {
    const std::size_t size = alphabet.word.size();
    if (word.size() > size && word.substr(0, size) == alphabet.word && word[size] == '=') {
      return once(&seen->alphabet) && parse_alphabet(word, alphabet, format, error);
    }
  }
  return fail(error, quote(word) +
                         " is not part of a key format; write hex=N, base62=N or base64url=N, then checksum and "
                         "verifier=bcrypt or verifier=sha256 as you like");
}

bool check_length(const KeyFormat &format, std::string *error) {
  const std::string made = "keys that begin with " + quote(format.prefix) + " would have " +
                           std::to_string(format.length()) + " characters, and ";
  if (format.length() > kMaxKeyLength) {
    return fail(error, made + std::to_string(kMaxKeyLength) + " is the most; write a lower number");
  }
  if (format.verifier.kind == VerifierKind::bcrypt && format.length() > kMaxBcryptKeyBytes) {
    return fail(error, made + "bcrypt reads only 72; write a lower number or verifier=sha256");
  }
  return true;
}

}  // namespace

std::size_t KeyFormat::length() const noexcept {
  return prefix.size() + random_length + (checksum ? kChecksumLength : 0);
}

bool KeyFormat::claims(std::string_view text) const noexcept { return text.substr(0, prefix.size()) == prefix; }

bool KeyFormat::has_characters(std::string_view text) const noexcept {
  if (!is_of(alphabet, text.substr(prefix.size(), random_length))) {
    return false;
  }
  if (!checksum) {
    return true;
  }
  const std::size_t checked = prefix.size() + random_length;
  char expected[kChecksumLength];
  checksum_of(text.substr(0, checked), expected);
  return std::memcmp(text.data() + checked, expected, kChecksumLength) == 0;
}

std::string KeyFormat::mint() const {
  std::string key;
  key.reserve(length());  // no copy of the secret is left behind by a growing string
  key += prefix;
  key += random_text(info_of(alphabet).characters, random_length);
  if (checksum) {
    char sum[kChecksumLength];
    checksum_of(key, sum);
    key.append(sum, kChecksumLength);
  }
  return key;
}

const KeyFormat &default_key_format() {
  static const KeyFormat kFormat{"kw_", Alphabet::base62, 43, true, {}};
  return kFormat;
}

bool parse_key_format(const std::vector<std::string_view> &words, KeyFormat *format, std::string *error) {
  KeyFormat parsed;
  Seen seen;
  const std::string_view prefix = words.empty() ? std::string_view() : words.front();
  if (prefix.empty() || !is_of(Alphabet::base64url, prefix)) {
    return fail(error,
                quote(prefix) + " is not a key prefix; write one of letters, digits, \"-\" and \"_\", such as kw_");
  }
  parsed.prefix = prefix;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (!parse_word(words[i], &parsed, &seen, error)) {
      return false;
    }
  }
  if (!seen.alphabet) {
    return fail(error, quote(prefix) + " does not say what follows it; write hex=N, base62=N or base64url=N, such as " +
                           parsed.prefix + " base62=43");
  }
  if (!check_length(parsed, error)) {
    return false;
  }
  *format = std::move(parsed);
  return true;
}

bool parse_key_format(std::string_view text, KeyFormat *format, std::string *error) {
  constexpr std::string_view kBlanks = " \t";
  std::vector<std::string_view> words;
  for (std::size_t begin = 0; (begin = text.find_first_not_of(kBlanks, begin)) != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(kBlanks, begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return parse_key_format(words, format, error);
}

std::string preview_of(std::string_view key, std::string_view prefix, std::size_t head, std::size_t tail) {
  const std::size_t named = key.substr(0, prefix.size()) == prefix ? prefix.size() : 0;
  const std::string_view rest = key.substr(named);
  // Compared by subtracting, so that no head or tail can overflow.
  const std::size_t showable = rest.size() < kPreviewHidden ? 0 : rest.size() - kPreviewHidden;
  if (head > showable || tail > showable - head) {
    head = tail = 0;
  }
  std::string out(key.substr(0, named + head));
  out += "...";
  out += rest.substr(rest.size() - tail);
  // An imported key may hold anything, and a preview is shown on terminals.
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return out;
}

}  // namespace keyward
