// Parts that records are made of on disk: short texts, scope lists, packed rates, flags.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/little_endian.hpp"
#include "base/rate.hpp"
#include "store/records/record.hpp"

namespace keyward::codec {

inline constexpr std::size_t kRateBytes = 8;

// Appends a text behind its length in Length's type; false if it is longer than max.
template <typename Length>
bool put_text(std::string *out, std::string_view text, std::size_t max) {
  if (text.size() > max) {
    return false;
  }
  put_int(out, static_cast<Length>(text.size()));
  out->append(text);
  return true;
}

template <typename Length>
bool take_text(std::string_view *in, std::string_view *text) noexcept {
  Length length = 0;
  if (!take_int(in, &length) || in->size() < length) {
    return false;
  }
  *text = in->substr(0, length);
  in->remove_prefix(length);
  return true;
}

// A field behind its tag (u8) and its length (u32). Tags ascend, and each is there at most once.
inline void put_tagged(std::string *out, std::uint8_t tag, std::string_view content) {
  put_int(out, tag);
  put_int(out, static_cast<std::uint32_t>(content.size()));
  out->append(content);
}

// The next field; *tag is the one before (0: none), and becomes this one's.
inline bool take_tagged(std::string_view *in, std::uint8_t *tag, std::string_view *content) noexcept {
  const std::uint8_t before = *tag;
  return take_int(in, tag) && *tag > before && take_text<std::uint32_t>(in, content);
}

inline bool take_bytes(std::string_view *in, std::size_t size, std::string_view *bytes) noexcept {
  if (in->size() < size) {
    return false;
  }
  *bytes = in->substr(0, size);
  in->remove_prefix(size);
  return true;
}

// Lists: a count or a length, and what it says. An absent list is written as an empty one, its flag unset. false
// if an item isn't what it should be, so that no two lists are written alike.
bool put_scopes(std::string *out, const OptionalList<std::string> &scopes);
bool put_limits(std::string *out, const OptionalList<Rate> &limits);
bool take_scopes(std::string_view *in, bool present, std::string_view *scopes) noexcept;
bool take_limits(std::string_view *in, bool present, std::string_view *limits) noexcept;
OptionalList<std::string> to_scopes(bool present, std::string_view packed);
OptionalList<Rate> to_limits(bool present, std::string_view packed);

inline bool is_time(std::int64_t time_s) noexcept { return time_s >= 0; }
// No text at all, or one that `check` accepts.
template <typename Check>
bool is_empty_or(std::string_view text, Check check) noexcept {
  return text.empty() || check(text);
}

}  // namespace keyward::codec
