// Media types, read loosely: what isn't one is no type that we look for.
#include "answer/media_type.hpp"

#include <algorithm>
#include <cstddef>

#include "auth/credential_text.hpp"
#include "base/ascii.hpp"

namespace keyward {
namespace {

constexpr std::string_view kGrpc = "application/grpc";
constexpr std::size_t kLongestType = 100;

// Cuts the next part off the front, without blanks around it.
std::string_view next_part(std::string_view *text, char separator) noexcept {
  const std::size_t end = text->find(separator);
  const std::string_view part = text->substr(0, end);
  text->remove_prefix(end == std::string_view::npos ? text->size() : end + 1);
  return trim_blanks(part);
}

// One element of an Accept field.
bool accepts(std::string_view element, std::string_view type) noexcept {
  if (!equal_caseless(next_part(&element, ';'), type)) {
    return false;
  }
  while (!element.empty()) {
    const std::string_view parameter = next_part(&element, ';');
    if (parameter.size() > 2 && equal_caseless(parameter.substr(0, 2), "q=")) {
      return parameter.find_first_not_of("0.", 2) != std::string_view::npos;
    }
  }
  return true;
}

}  // namespace

bool names_type(std::string_view accept, std::string_view type) noexcept {
  while (!accept.empty()) {
    if (accepts(next_part(&accept, ','), type)) {
      return true;
    }
  }
  return false;
}

std::string_view grpc_type_of(std::string_view content_type) noexcept {
  const std::string_view type = next_part(&content_type, ';');
  if (type.size() > kLongestType || !equal_caseless(type.substr(0, kGrpc.size()), kGrpc)) {
    return {};
  }
  const std::string_view subtype = type.substr(kGrpc.size());
  const bool is_grpc = subtype.empty() || subtype.front() == '+' || subtype.front() == '-';
  // It is echoed.
  const bool is_plain = std::all_of(subtype.begin(), subtype.end(), [](char c) {
    return is_alphanumeric(c) || c == '+' || c == '-' || c == '.' || c == '_';
  });
  return is_grpc && is_plain ? type : std::string_view();
}

}  // namespace keyward
