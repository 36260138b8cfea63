// All formats that keys may have at one place, and which of them a text has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "key/key_format.hpp"

namespace keyward {

// What the formats make of a text. No hashing. Never allocates.
struct FormatMatch {
  const KeyFormat *format = nullptr;  // whose prefix the text begins with; nullptr: it is no key of these
  bool has_frame = false;             // and it is as long as that one's keys; its characters weren't looked at
};

class KeyFormats {
 public:
  KeyFormats() = default;
  explicit KeyFormats(KeyFormat only);

  // false, with a clause that says why, where its keys could not be told from another one's, or there are too many
  // names. Formats of one prefix differ in length; those that share a name are one to keyward_accept.
  bool add(KeyFormat format, std::string *error);

  bool empty() const noexcept { return all_.empty(); }
  const std::vector<KeyFormat> &all() const noexcept { return all_; }  // in their order
  // The first that isn't any, or nullptr: new keys have it.
  const KeyFormat *minted() const noexcept;
  // 0: no format has this name.
  std::uint64_t bit_of(std::string_view name) const noexcept;
  std::vector<std::string> names() const;  // each once

  // By prefix; and UUIDs without one, which are known by their form.
  FormatMatch find(std::string_view text) const noexcept {
    FormatMatch match;
    for (const KeyFormat &format : prefixed_) {
      if (format.claims(text)) {
        match.format = &format;
        match.has_frame = format.has_frame(text);
        if (match.has_frame) {
          return match;  // no other one has: of prefixes that begin alike keys differ in length
        }
      }
    }
    return bare_uuid_.empty() ? match : find_uuid(text, match);
  }
  // What is neither by prefix nor a token: the format `any` whose keys are so long; nullptr: there is none.
  bool has_any() const noexcept { return !any_.empty(); }
  const KeyFormat *find_any(std::string_view text) const noexcept;

  // Why the text isn't a key of these, as the end of a sentence about it ("it begins with ..."); empty: it is one.
  // Shows nothing of the text but its length and the prefix of a format.
  std::string why_not(std::string_view text) const;

 private:
  FormatMatch find_uuid(std::string_view text, FormatMatch match) const noexcept;
  std::string why_unknown(std::string_view text) const;

  std::vector<KeyFormat> all_;
  // The same by how they are found: most requests look at the first of these lists only.
  std::vector<KeyFormat> prefixed_, bare_uuid_, any_;
};

}  // namespace keyward
