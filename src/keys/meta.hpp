// A key's meta: an object of its owner's.
#pragma once

#include <string>
#include <string_view>

#include "json/json.hpp"

namespace keyward::keys {

inline constexpr std::size_t kMaxMetaDepth = 8;

// The object in one line, its members in their order, numbers as they were written. An object without members is "{}".
// false with a sentence in error: it is no object, or larger or deeper than may be.
bool take_meta(const json::Value &value, std::string *meta, std::string *error);
bool parse_meta(std::string_view text, std::string *meta, std::string *error);

}  // namespace keyward::keys
