// Formats of API keys: reading them from words, recognising and minting keys.
#include "key/key_format.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "base/ascii.hpp"
#include "base/base62.hpp"
#include "base/digits.hpp"
#include "base/quote.hpp"

namespace keyward {

namespace {

constexpr std::size_t kMaxKeyLength = 512;
constexpr std::size_t kMaxAnyLength = 8192;  // a usual request's whole header has no more
constexpr std::size_t kAnyLeast = 16, kAnyMost = 200;
constexpr std::size_t kPreviewHidden = 12;
constexpr std::size_t kUuidLength = 36;
constexpr std::size_t kMaxNameLength = 64;

struct AlphabetInfo {
  std::string_view word;
  std::string_view characters;
  std::size_t least_length;  // that makes 128 bits: 4, 5.95, 6 bits a character
};

// Those of which a number of characters is drawn, in the order of Alphabet.
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

bool is_hyphen_place(std::size_t at) noexcept { return at == 8 || at == 13 || at == 18 || at == 23; }

bool is_uuid(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool digit = is_hex_digit(c);
    if (is_hyphen_place(i) ? c != '-' : !digit) {
      return false;
    }
  }
  return text.size() == kUuidLength;
}

bool is_printable(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

// Of version 4, drawn by chance.
std::string random_uuid() {
  std::string text = random_text(info_of(Alphabet::hex).characters, kUuidLength);
  for (std::size_t i = 0; i < text.size(); ++i) {
    text[i] = is_hyphen_place(i) ? '-' : text[i];
  }
  text[14] = '4';
  text[19] = random_text("89ab", 1)[0];
  return text;
}

// What has been read so far, to see repetitions.
struct Seen {
  bool alphabet = false;
  bool checksum = false;
  bool verifier = false;
  bool name = false;
  bool least = false, most = false;
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

// One word of a format, which may stand there once.
bool once(std::string_view word, bool *flag, std::string *error) {
  if (*flag) {
    return fail(error, quote(word) + " is a second parameter of its kind; write only one");
  }
  return *flag = true;
}

// The value of NAME=VALUE; data() is nullptr where it is another word.
std::string_view value_of(std::string_view word, std::string_view name) noexcept {
  return word.substr(0, name.size()) == name ? word.substr(name.size()) : std::string_view();
}

bool parse_name(std::string_view word, std::string_view name, KeyFormat *format, std::string *error) {
  if (name.empty() || name.size() > kMaxNameLength || !is_of(Alphabet::base64url, name)) {
    return fail(error, quote(word) + " names no format; write up to " + std::to_string(kMaxNameLength) +
                           " letters, digits, \"-\" and \"_\", such as name=live");
  }
  format->name = name;
  return true;
}

bool parse_word(std::string_view word, KeyFormat *format, Seen *seen, std::string *error) {
  const auto once = [word, error](bool *flag) { return keyward::once(word, flag, error); };
  constexpr std::string_view kVerifier = "verifier=";
  if (word == "checksum") {
    format->checksum = true;
    return once(&seen->checksum);
  }
  if (word.substr(0, kVerifier.size()) == kVerifier) {
    return once(&seen->verifier) && parse_verifier(word.substr(kVerifier.size()), &format->verifier, error);
  }
  if (const auto name = value_of(word, "name="); name.data() != nullptr) {
    return once(&seen->name) && parse_name(word, name, format, error);
  }
  if (word == "uuid") {
    format->alphabet = Alphabet::uuid;
    format->random_length = kUuidLength;
    return once(&seen->alphabet);
  }
  for (const AlphabetInfo &alphabet : kAlphabets) {
    const std::size_t size = alphabet.word.size();
    if (word.size() > size && word.substr(0, size) == alphabet.word && word[size] == '=') {
      return once(&seen->alphabet) && parse_alphabet(word, alphabet, format, error);
    }
  }
  return fail(error, quote(word) +
                         " is not part of a key format; write hex=N, base62=N, base64url=N or uuid, then checksum, "
                         "verifier=bcrypt or verifier=sha256, and name=NAME as you like");
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

bool parse_bound(std::string_view word, std::string_view digits, std::size_t *bound, std::string *error) {
  std::uint64_t number = 0;
  if (digits.substr(0, 1) == "0" || !take_digits(&digits, kMaxAnyLength, &number) || !digits.empty()) {
    return fail(error, quote(word) + " needs a number of characters from 1 to " + std::to_string(kMaxAnyLength) +
                           "; write min=" + std::to_string(kAnyLeast) + " or max=" + std::to_string(kAnyMost));
  }
  *bound = static_cast<std::size_t>(number);
  return true;
}

// What follows "any".
bool parse_any(const std::vector<std::string_view> &words, KeyFormat *format, std::string *error) {
  Seen seen;
  std::size_t least = kAnyLeast, most = kAnyMost;
  format->alphabet = Alphabet::any;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string_view word = words[i];
    bool good;
    if (const auto min = value_of(word, "min="); min.data() != nullptr) {
      good = once(word, &seen.least, error) && parse_bound(word, min, &least, error);
    } else if (const auto max = value_of(word, "max="); max.data() != nullptr) {
      good = once(word, &seen.most, error) && parse_bound(word, max, &most, error);
    } else if (const auto name = value_of(word, "name="); name.data() != nullptr) {
      good = once(word, &seen.name, error) && parse_name(word, name, format, error);
    } else {
      good = fail(error, quote(word) + " is not part of the format any; write min=N, max=N and name=NAME as you like");
    }
    if (!good) {
      return false;
    }
  }
  if (least > most) {
    return fail(error, "min=" + std::to_string(least) + " is more than max=" + std::to_string(most) +
                           "; write a lower min= or a higher max=");
  }
  format->random_length = least;
  format->spread = most - least;
  if (!seen.name) {
    format->name = "any";
  }
  return true;
}

}  // namespace

std::size_t KeyFormat::length() const noexcept {
  return prefix.size() + random_length + (checksum ? kChecksumLength : 0);
}

bool KeyFormat::claims(std::string_view text) const noexcept { return text.substr(0, prefix.size()) == prefix; }

bool KeyFormat::has_alphabet(std::string_view text) const noexcept {
  switch (alphabet) {
    case Alphabet::any:
      return is_printable(text);
    case Alphabet::uuid:
      return is_uuid(text.substr(prefix.size(), random_length));
    default:
      return is_of(alphabet, text.substr(prefix.size(), random_length));
  }
}

bool KeyFormat::has_characters(std::string_view text) const noexcept {
  if (!has_alphabet(text)) {
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
  key += alphabet == Alphabet::uuid ? random_uuid() : random_text(info_of(alphabet).characters, random_length);
  if (checksum) {
    char sum[kChecksumLength];
    checksum_of(key, sum);
    key.append(sum, kChecksumLength);
  }
  return key;
}

const KeyFormat &default_key_format() {
  static const KeyFormat kFormat{"kw_", Alphabet::base62, 43, true, {}, 0, "kw_", 1};
  return kFormat;
}

bool parse_key_format(const std::vector<std::string_view> &words, KeyFormat *format, std::string *error) {
  KeyFormat parsed;
  if (!words.empty() && words.front() == "any") {
    if (!parse_any(words, &parsed, error)) {
      return false;
    }
    *format = std::move(parsed);
    return true;
  }
  Seen seen;
  const std::string_view prefix = words.empty() ? std::string_view() : words.front();
  // Only a UUID is told from other texts by its form alone.
  const bool may_be_empty = std::find(words.begin(), words.end(), "uuid") != words.end();
  if (prefix.empty() ? !may_be_empty : !is_of(Alphabet::base64url, prefix)) {
    return fail(error,
                quote(prefix) + " is not a key prefix; write one of letters, digits, \"-\" and \"_\", such as kw_");
  }
  // {" in base64url: a token would be taken for a key.
  constexpr std::string_view kTokenBegins = "eyJ";
  const std::size_t common = std::min(prefix.size(), kTokenBegins.size());
  if (common != 0 && prefix.substr(0, common) == kTokenBegins.substr(0, common)) {
    return fail(error, "every token (JWT) begins with \"eyJ\", so that " + quote(prefix) +
                           " can't be a key prefix; write another one, such as kw_");
  }
  parsed.prefix = prefix;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (!parse_word(words[i], &parsed, &seen, error)) {
      return false;
    }
  }
  if (!seen.alphabet) {
    const bool uuid = prefix == "uuid";
    return fail(error,
                quote(prefix) + " does not say what follows it; write hex=N, base62=N, base64url=N or uuid, " +
                    (uuid ? "and for UUIDs without a prefix: \"\" uuid" : "such as " + parsed.prefix + " base62=43"));
  }
  if (!check_length(parsed, error)) {
    return false;
  }
  if (!seen.name) {
    parsed.name = prefix.empty() ? "uuid" : parsed.prefix;
  }
  *format = std::move(parsed);
  return true;
}

bool parse_key_format(std::string_view text, KeyFormat *format, std::string *error) {
  constexpr std::string_view kBlanks = " \t";
  std::vector<std::string_view> words;
  for (std::size_t begin = 0; (begin = text.find_first_not_of(kBlanks, begin)) != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(kBlanks, begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    words.push_back(word == "\"\"" || word == "''" ? std::string_view() : word);
    begin = end;
  }
  if (!words.empty() && words.front() == "any") {
    return fail(error,
                "\"any\" is for nginx.conf and for keys that others made: no key can be made by it; write a prefix and "
                "what follows it, such as kw_ base62=43");
  }
  return parse_key_format(words, format, error);
}

std::string to_text(const KeyFormat &format) {
  std::string text;
  std::string_view own_name = format.prefix;
  if (format.alphabet == Alphabet::any) {
    text = own_name = "any";
    text += format.random_length == kAnyLeast ? "" : " min=" + std::to_string(format.random_length);
    const std::size_t most = format.random_length + format.spread;
    text += most == kAnyMost ? "" : " max=" + std::to_string(most);
  } else if (format.alphabet == Alphabet::uuid) {
    text = (format.prefix.empty() ? "\"\"" : format.prefix) + " uuid";
    own_name = format.prefix.empty() ? std::string_view("uuid") : own_name;
  } else {
    text =
        format.prefix + ' ' + std::string(info_of(format.alphabet).word) + '=' + std::to_string(format.random_length);
  }
  text += format.checksum ? " checksum" : "";
  return format.name.empty() || format.name == own_name ? text : text + " name=" + format.name;
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
