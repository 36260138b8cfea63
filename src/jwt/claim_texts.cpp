// Writing claims down as texts.
#include "jwt/claim_texts.hpp"

#include <algorithm>

#include "base/ascii.hpp"
#include "base/percent_text.hpp"

namespace keyward::jwt {

namespace {

using Type = json::Value::Type;

bool has_text(const json::Value &value) noexcept {
  return value.type == Type::string || value.type == Type::number || value.type == Type::boolean;
}

std::string_view text_of(const json::Value &value) noexcept {
  if (value.type == Type::boolean) {
    return value.boolean ? "true" : "false";
  }
  return value.text;
}

void append(std::string_view text, bool encode, bool in_array, std::string *out) {
  if (encode) {
    append_percent(text, in_array, out);
  } else {
    *out += text;
  }
}

// false: it has no text.
bool write(const json::Value &value, std::string *out) {
  if (has_text(value)) {
    append(text_of(value), needs_percent(text_of(value), false), false, out);
    return true;
  }
  if (value.type != Type::array || !std::all_of(value.items.begin(), value.items.end(), has_text)) {
    return false;
  }
  const bool encode = std::any_of(value.items.begin(), value.items.end(),
                                  [](const json::Value &item) { return needs_percent(text_of(item), true); });
  for (const json::Value &item : value.items) {
    if (&item != &value.items.front()) {
      *out += ' ';
    }
    append(text_of(item), encode, true, out);
  }
  return true;
}

bool is_unreserved(char c) noexcept { return is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~'; }

std::string json_of(const json::Value &value) {
  json::Writer writer;
  writer.value(value);
  return writer.text();
}

void write_element(const json::Value &value, std::string *out) {
  const bool is_plain = has_text(value) || value.type == Type::null;
  const std::string nested = is_plain ? std::string() : json_of(value);
  for (const char c : is_plain ? text_of(value) : std::string_view(nested)) {
    if (is_unreserved(c)) {
      *out += c;
    } else {
      append_percent(c, out);
    }
  }
}

// Of a claim that was asked for by its path.
void write_any(const json::Value &value, std::string *out) {
  if (value.type == Type::array) {
    for (const json::Value &item : value.items) {
      *out += &item != &value.items.front() ? "," : "";
      write_element(item, out);
    }
  } else if (value.type == Type::object && !value.members.empty()) {
    const std::string text = json_of(value);
    append(text, needs_percent(text, false), false, out);
  } else if (has_text(value)) {
    write(value, out);
  }
}

char fold(char c) noexcept {
  if (c >= 'A' && c <= 'Z') {
    return static_cast<char>(c | 0x20);
  }
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '_';
}

}  // namespace

ClaimTexts::ClaimTexts(const json::Value &claims, const std::vector<ClaimPath> &paths) {
  std::size_t bytes = 0;
  for (const json::Value::Member &member : claims.members) {
    bytes += member.first.size() + member.second.text.size();
  }
  buffer_.reserve(bytes);
  all_.reserve(claims.members.size());
  for (const json::Value::Member &member : claims.members) {
    const std::size_t before = buffer_.size();
    One one = {static_cast<std::uint32_t>(before), static_cast<std::uint32_t>(member.first.size()), 0, 0};
    buffer_ += member.first;
    one.text_at = static_cast<std::uint32_t>(buffer_.size());
    if (!write(member.second, &buffer_)) {
      // Its name stays: a claim without a text must not give way to one whose name only looks alike.
      buffer_.resize(one.text_at);
    }
    one.text_size = static_cast<std::uint32_t>(buffer_.size()) - one.text_at;
    all_.push_back(one);
  }
  of_paths_.reserve(paths.size());
  for (const ClaimPath &path : paths) {
    const auto at = static_cast<std::uint32_t>(buffer_.size());
    if (const json::Value *value = path.find(claims)) {
      write_any(*value, &buffer_);
    }
    of_paths_.push_back({at, static_cast<std::uint32_t>(buffer_.size()) - at});
  }
  buffer_.shrink_to_fit();
}

std::string_view ClaimTexts::find(std::string_view name) const noexcept {
  const auto exact =
      std::find_if(all_.begin(), all_.end(), [this, name](const One &one) { return name_of(one) == name; });
  if (exact != all_.end()) {
    return std::string_view(buffer_).substr(exact->text_at, exact->text_size);
  }
  const auto is_alike = [this, name](const One &one) {
    const std::string_view own = name_of(one);
    return own.size() == name.size() &&
           std::equal(own.begin(), own.end(), name.begin(), [](char a, char b) { return fold(a) == b; });
  };
  const auto first = std::find_if(all_.begin(), all_.end(), is_alike);
  if (first == all_.end() || std::find_if(first + 1, all_.end(), is_alike) != all_.end()) {
    return {};
  }
  return std::string_view(buffer_).substr(first->text_at, first->text_size);
}

}  // namespace keyward::jwt
