// Guessing the format of keys from their text. Many keys tell more than one: of 43 characters of base64url one key in
// four has neither '-' nor '_'.
#include "key/needed_formats.hpp"

#include <algorithm>

#include "key/key_strength.hpp"

namespace keyward {
namespace {

constexpr std::size_t kMaxShown = 6, kMaxGroups = 64;

KeyFormat format_of(std::string_view prefix, Alphabet alphabet, std::size_t length, std::size_t most = 0) {
  KeyFormat format;
  format.prefix = prefix;
  format.alphabet = alphabet;
  format.random_length = length;
  format.spread = most > length ? most - length : 0;
  return format;
}

// With the bounds that `any` has by itself where these will do.
KeyFormat any_format(std::size_t least, std::size_t most) {
  constexpr std::size_t kLeast = 16, kMost = 200;
  return format_of({}, Alphabet::any, std::min(least, kLeast), std::max(most, kMost));
}

// Less than that is refused as a format.
bool is_strong(Alphabet alphabet, std::size_t length) noexcept {
  return alphabet == Alphabet::uuid || length >= (alphabet == Alphabet::hex ? 32U : 22U);
}

bool begins_with(std::string_view text, std::string_view prefix) noexcept {
  return text.substr(0, prefix.size()) == prefix;
}

// Too few digits of hex may be enough of base62, in which each has more to say.
Alphabet strong_alphabet(Alphabet alphabet, std::size_t length) noexcept {
  return alphabet == Alphabet::hex && !is_strong(alphabet, length) ? Alphabet::base62 : alphabet;
}

}  // namespace

KeyShape shape_of(std::string_view key) {
  KeyShape shape;
  shape.known = default_key_format().matches(key) ? KeyShape::Known::minted : KeyShape::Known::seen;
  shape.prefix = kind_of(key);
  const std::string_view rest = key.substr(shape.prefix.size());
  for (const Alphabet alphabet : {Alphabet::uuid, Alphabet::hex, Alphabet::base62, Alphabet::base64url}) {
    const bool may_be_bare = alphabet == Alphabet::uuid;
    if ((may_be_bare || !shape.prefix.empty()) && format_of(shape.prefix, alphabet, rest.size()).has_alphabet(key)) {
      shape.alphabet = alphabet;
      shape.length = rest.size();
      return shape;
    }
  }
  shape.length = key.size();
  return shape;
}

KeyShape shape_by_preview(std::string_view preview) {
  KeyShape shape;
  shape.prefix = kind_of(preview);
  if (shape.prefix == default_key_format().prefix) {
    shape.known = KeyShape::Known::minted;
  }
  return shape;
}

std::string missing_format(const KeyFormats &there, std::string_view key) {
  const KeyShape shape = shape_of(key);
  const KeyFormat own = shape.known == KeyShape::Known::minted
                            ? default_key_format()
                            : format_of(shape.prefix, strong_alphabet(shape.alphabet, shape.length), shape.length);
  const bool has_own = shape.alphabet != Alphabet::any && is_strong(own.alphabet, shape.length);
  for (const KeyFormat &format : {has_own ? own : any_format(key.size(), key.size()),
                                  any_format(key.size(), key.size()), format_of({}, Alphabet::any, key.size())}) {
    KeyFormats with = there;
    std::string error;
    if (with.add(format, &error) && with.why_not(key).empty()) {
      return to_text(format);
    }
  }
  return {};
}

void NeededFormats::Range::add(std::size_t length) noexcept {
  least = least == 0 ? length : std::min(least, length);
  most = std::max(most, length);
}

void NeededFormats::add(const KeyShape &shape) {
  if (shape.known == KeyShape::Known::minted) {
    has_minted_ = true;
    return;
  }
  if (shape.known == KeyShape::Known::unseen) {
    ++unseen_;
    return;
  }
  const bool is_other = shape.alphabet == Alphabet::any;
  const std::size_t whole = is_other ? shape.length : shape.prefix.size() + shape.length;
  const Alphabet alphabet = strong_alphabet(shape.alphabet, shape.length);
  const bool is_weak = !is_other && !is_strong(alphabet, shape.length);
  weak_ += is_weak ? 1 : 0;
  if (is_other || is_weak || groups_.size() >= kMaxGroups) {
    others_[others_.size() < kMaxGroups ? shape.prefix : std::string()].add(whole);
    return;
  }
  Alphabet &known = groups_.emplace(std::make_pair(shape.prefix, shape.length), alphabet).first->second;
  known = std::max(known, alphabet);
}

std::vector<std::string> NeededFormats::words() const {
  Range any;
  for (const auto &[prefix, range] : others_) {
    any.add(range.least);
    any.add(range.most);
  }
  // A key that begins like another format's is that one's, and refused.
  const auto is_free = [&](std::string_view prefix) {
    return prefix.empty() || std::none_of(others_.begin(), others_.end(),
                                          [&](const auto &other) { return begins_with(other.first, prefix); });
  };
  KeyFormats formats;
  const auto add = [&](KeyFormat format) {
    std::string error;
    return is_free(format.prefix) && formats.add(std::move(format), &error);
  };
  const bool by_groups = groups_.size() <= kMaxShown;
  for (const auto &[group, alphabet] : groups_) {
    const auto &[prefix, length] = group;
    // Others of the default format's prefix and length can't be told from its own, which have to fit, too.
    const KeyFormat &own = default_key_format();
    const bool is_as_own = has_minted_ && prefix == own.prefix && prefix.size() + length == own.length();
    if (!by_groups || !add(format_of(prefix, is_as_own ? std::max(alphabet, own.alphabet) : alphabet, length))) {
      any.add(prefix.size() + length);
    }
  }
  if (any.most != 0) {
    add(any_format(any.least, any.most));
  }
  std::vector<std::string> words;
  if (!formats.empty() && add(default_key_format())) {  // new keys have it
    words.push_back(to_text(default_key_format()));
  }
  for (const KeyFormat &format : formats.all()) {
    if (words.empty() || to_text(format) != words.front()) {
      words.push_back(to_text(format));
    }
  }
  return words;
}

}  // namespace keyward
