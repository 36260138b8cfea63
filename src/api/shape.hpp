// What keyward_api says of one location: who manages which keys, and how these look.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "api/member.hpp"
#include "base/words.hpp"
#include "key/key_formats.hpp"

namespace keyward::api {

// Of the characters behind a key's prefix.
struct PreviewLengths {
  std::size_t head = 8, tail = 4;
};

struct Shape {
  bool is_admin = false;  // all keys, and subjects; else those of the caller's own subject
  std::string format;     // a name of keyward_key_format; empty: the first that can be minted
  std::string id_prefix;  // empty: that of all new keys
  std::optional<PreviewLengths> preview;
  bool only_active = false;
  std::size_t page = 0;  // how many keys at most; 0: all of them, in an array
  Names names;
  bool limits_writes = false;  // by default: no keyward_limit at the location says otherwise
};

inline constexpr std::size_t kUsualPage = 100, kMostPage = 1000;

// The words of keyward_api.
Wrong read_shape(const Words &words, Shape *shape);

// The format in which a location's keys are minted; nullptr: the name is no format's, or none can be minted.
const KeyFormat *minted_format(const Shape &shape, const KeyFormats &formats) noexcept;

// A key's preview as the location shows it. What isn't in the usual form (of an imported key) stays as it is.
std::string preview_text(const Shape &shape, std::string_view preview);

}  // namespace keyward::api
