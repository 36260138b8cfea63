// Adding formats so that no text is of two, and saying which form a text has not.
#include "key/key_formats.hpp"

#include <algorithm>
#include <utility>

#include "base/quote.hpp"

namespace keyward {
namespace {

constexpr std::size_t kMaxNames = 64;  // a bit for each
constexpr std::size_t kShownFormats = 8;

bool is_any(const KeyFormat &format) noexcept { return format.alphabet == Alphabet::any; }

// Whether some text may have the frames of both.
bool are_alike(const KeyFormat &one, const KeyFormat &other) noexcept {
  if (is_any(one) != is_any(other)) {
    return false;  // any comes last
  }
  if (is_any(one)) {
    return one.length() <= other.length() + other.spread && other.length() <= one.length() + one.spread;
  }
  return one.length() == other.length() && (one.claims(other.prefix) || other.claims(one.prefix));
}

std::string lengths_of(const KeyFormat &format) {
  const std::string least = std::to_string(format.length());
  return format.spread == 0 ? least : least + " to " + std::to_string(format.length() + format.spread);
}

std::string why_alike(const KeyFormat &format, const KeyFormat &other) {
  if (is_any(format)) {
    return "is there twice with \"any\" for keys of the same length; let their min= and max= not overlap";
  }
  if (other.prefix == format.prefix) {
    return "is there twice for " + quote(format.prefix) + " with keys of " + std::to_string(format.length()) +
           " characters; write another length";
  }
  return quote(format.prefix) + " and " + quote(other.prefix) +
         " can't be told apart: their keys begin alike and have the same length; write another prefix or length";
}

// "a, b or c".
std::string one_of(const std::vector<std::string> &parts) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    text += i == 0 ? "" : i + 1 == parts.size() ? " or " : ", ";
    text += parts[i];
  }
  return text;
}

}  // namespace

KeyFormats::KeyFormats(KeyFormat only) {
  std::string error;
  add(std::move(only), &error);
}

bool KeyFormats::add(KeyFormat format, std::string *error) {
  for (const KeyFormat &other : all_) {
    if (are_alike(format, other)) {
      *error = why_alike(format, other);
      return false;
    }
  }
  format.name_bit = bit_of(format.name);
  if (format.name_bit == 0) {
    const std::size_t count = names().size();
    if (count == kMaxNames) {
      *error = "gives more than " + std::to_string(kMaxNames) + " names; let some formats share one by name=NAME";
      return false;
    }
    format.name_bit = std::uint64_t{1} << count;
  }
  (is_any(format) ? any_ : format.prefix.empty() ? bare_uuid_ : prefixed_).push_back(format);
  all_.push_back(std::move(format));
  return true;
}

const KeyFormat *KeyFormats::minted() const noexcept {
  const auto found = std::find_if(all_.begin(), all_.end(), [](const KeyFormat &one) { return !is_any(one); });
  return found == all_.end() ? nullptr : &*found;
}

std::uint64_t KeyFormats::bit_of(std::string_view name) const noexcept {
  const auto found = std::find_if(all_.begin(), all_.end(), [name](const KeyFormat &one) { return one.name == name; });
  return found == all_.end() ? 0 : found->name_bit;
}

std::vector<std::string> KeyFormats::names() const {
  std::vector<std::string> names;
  for (const KeyFormat &format : all_) {
    if (std::find(names.begin(), names.end(), format.name) == names.end()) {
      names.push_back(format.name);
    }
  }
  return names;
}

// A prefix that is the beginning of some UUIDs doesn't make them its own.
FormatMatch KeyFormats::find_uuid(std::string_view text, FormatMatch match) const noexcept {
  for (const KeyFormat &format : bare_uuid_) {
    if (format.has_frame(text) && format.has_alphabet(text)) {
      return {&format, true};
    }
  }
  return match;
}

const KeyFormat *KeyFormats::find_any(std::string_view text) const noexcept {
  const auto found =
      std::find_if(any_.begin(), any_.end(), [text](const KeyFormat &one) { return one.has_frame(text); });
  return found == any_.end() ? nullptr : &*found;
}

std::string KeyFormats::why_not(std::string_view text) const {
  const FormatMatch match = find(text);
  if (match.format == nullptr) {
    const KeyFormat *any = find_any(text);
    return any == nullptr              ? why_unknown(text)
           : any->has_characters(text) ? std::string()
                                       : "it has other characters than printable ASCII without spaces";
  }
  if (!match.has_frame) {
    std::vector<std::string> lengths;
    for (const KeyFormat &format : prefixed_) {
      if (format.prefix == match.format->prefix && lengths.size() < kShownFormats) {
        lengths.push_back(lengths_of(format));
      }
    }
    return "it begins with " + quote(match.format->prefix) + " and has " + std::to_string(text.size()) +
           " characters, where keys of keyward_key_format " + quote(match.format->prefix) + " have " + one_of(lengths);
  }
  if (match.format->has_characters(text)) {
    return {};
  }
  return (match.format->prefix.empty() ? std::string("it") : "it begins with " + quote(match.format->prefix) + " and") +
         (match.format->has_alphabet(text)
              ? " has a wrong checksum, as a typing error makes"
              : " has other characters than keyward_key_format " + quote(match.format->prefix) + " says");
}

std::string KeyFormats::why_unknown(std::string_view text) const {
  std::vector<std::string> forms;
  const auto add = [&forms](std::string form) {
    if (forms.size() < kShownFormats && std::find(forms.begin(), forms.end(), form) == forms.end()) {
      forms.push_back(std::move(form));
    }
  };
  for (const KeyFormat &format : prefixed_) {
    add("begin with " + quote(format.prefix));
  }
  if (!bare_uuid_.empty()) {
    add("are UUIDs");
  }
  for (const KeyFormat &format : any_) {
    add("have " + lengths_of(format) + " characters");
  }
  const std::string length = any_.empty() ? "" : "it has " + std::to_string(text.size()) + " characters, and ";
  return length + "keys " + one_of(forms);
}

}  // namespace keyward
