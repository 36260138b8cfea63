// Checks of texts by one table of character classes: a record is decoded for each look-up.
#include "base/text_rules.hpp"

#include <array>
#include <cstdint>

#include "base/ascii.hpp"
#include "base/utf8.hpp"

namespace keyward {

namespace {

enum Class : std::uint8_t {
  kName = 1,       // ids, plans
  kScope = 2,      // RFC 6749
  kVisible = 4,    // 0x21 to 0x7e
  kChallenge = 8,  // RFC 7636
  kPlain = 16,     // ASCII that isn't a control character
};

constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> classes = {};
  for (unsigned c = 0x20; c < 0x7f; ++c) {
    unsigned all = kPlain;
    const bool word = is_alphanumeric(static_cast<char>(c));
    if (c != ' ') {
      all |= kVisible;
      const bool quoting = c == '"' || c == '\\';
      all |= quoting || c == ',' ? 0U : unsigned{kName};
      all |= quoting ? 0U : unsigned{kScope};
      all |= word || c == '-' || c == '.' || c == '_' || c == '~' ? unsigned{kChallenge} : 0U;
    }
    classes[c] = static_cast<std::uint8_t>(all);
  }
  return classes;
}

constexpr std::array<std::uint8_t, 256> kClasses = make_classes();

bool is(char c, Class wanted) noexcept { return (kClasses[static_cast<unsigned char>(c)] & wanted) != 0; }

bool all_are(std::string_view text, Class wanted) noexcept {
  for (const char c : text) {
    if (!is(c, wanted)) {
      return false;
    }
  }
  return true;
}

bool is_word(std::string_view text, Class wanted, std::size_t max) noexcept {
  return !text.empty() && text.size() <= max && all_are(text, wanted);
}

// White space of Unicode outside ASCII, in UTF-8. (U+0085 is a control character.)
bool is_wide_space(std::string_view sequence) noexcept {
  const auto byte = [sequence](std::size_t i) { return static_cast<unsigned char>(sequence[i]); };
  if (sequence.size() == 2) {
    return sequence == "\xc2\xa0";
  }
  if (sequence.size() != 3) {
    return false;
  }
  if (byte(0) == 0xe2 && byte(1) == 0x80) {
    return byte(2) <= 0x8a || byte(2) == 0xa8 || byte(2) == 0xa9 || byte(2) == 0xaf;
  }
  return sequence == "\xe1\x9a\x80" || sequence == "\xe2\x81\x9f" || sequence == "\xe3\x80\x80";
}

// Walks text, which has bytes beyond ASCII; tells whether it ends or begins with white space.
bool is_plain_utf8(std::string_view text, bool *space_at_end) noexcept {
  bool first = true;
  *space_at_end = false;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0 || (length == 1 && !is(text[0], kPlain))) {
      return false;
    }
    const std::string_view sequence = text.substr(0, length);
    if (length == 2 && sequence[0] == '\xc2' && static_cast<unsigned char>(sequence[1]) < 0xa0) {
      return false;  // C1
    }
    text.remove_prefix(length);
    if ((first || text.empty()) && (length == 1 ? sequence[0] == ' ' : is_wide_space(sequence))) {
      *space_at_end = true;
    }
    first = false;
  }
  return true;
}

}  // namespace

bool is_id(std::string_view text) noexcept { return is_word(text, kName, kMaxIdBytes); }
bool is_new_id(std::string_view text) noexcept {
  constexpr std::string_view kBehindTheFirst = "-.~:@";
  if (!is_id(text) || kBehindTheFirst.find(text.front()) != std::string_view::npos) {
    return false;
  }
  for (const char c : text) {
    if (!is(c, kChallenge) && c != ':' && c != '@') {
      return false;
    }
  }
  return true;
}

bool is_plan_name(std::string_view text) noexcept { return is_word(text, kName, kMaxPlanBytes); }

bool is_subject(std::string_view text) noexcept {
  if (text.empty() || text.size() > kMaxSubjectBytes) {
    return false;
  }
  if (all_are(text, kVisible)) {
    return true;
  }
  bool space_at_end = false;
  return is_plain_utf8(text, &space_at_end) && !space_at_end;
}

bool is_plain_text(std::string_view text) noexcept {
  bool space_at_end = false;
  return all_are(text, kPlain) || is_plain_utf8(text, &space_at_end);
}

bool is_display_name(std::string_view text) noexcept { return text.size() <= kMaxNameBytes && is_plain_text(text); }

bool is_scope_token(std::string_view text) noexcept { return !text.empty() && all_are(text, kScope); }

bool is_scope_list(std::string_view text) noexcept {
  if (text.size() > kMaxScopeListBytes) {
    return false;
  }
  bool in_word = false;
  for (const char c : text) {
    if (c == ' ' ? !in_word : !is(c, kScope)) {
      return false;
    }
    in_word = c != ' ';
  }
  return in_word || text.empty();
}

bool is_legacy_prefix(std::string_view text) noexcept { return is_word(text, kVisible, kMaxLegacyPrefixBytes); }

bool is_pkce_challenge(std::string_view text) noexcept { return is_word(text, kChallenge, kMaxChallengeBytes); }

}  // namespace keyward
