// Taking a Destination apart.
#include "auth/destination.hpp"

#include <algorithm>
#include <cstddef>

#include "base/ascii.hpp"

namespace keyward {
namespace {

// "..;x=1" is "..": what stands behind a semicolon are parameters of the segment (RFC 3986, section 3.3).
bool is_dots_with_parameters(std::string_view segment) noexcept {
  const std::size_t end = segment.find(';');
  const std::string_view name = segment.substr(0, end);
  return end != std::string_view::npos && (name.empty() || name == "." || name == "..");
}

}  // namespace

bool split_destination(std::string_view value, DestinationText *out) noexcept {
  const auto is_strange = [](char c) { return c == '#' || c == '\x7f' || static_cast<unsigned char>(c) <= ' '; };
  if (value.empty() || std::any_of(value.begin(), value.end(), is_strange)) {
    return false;
  }
  if (value.front() == '/') {
    *out = {{}, value};
    return value.size() < 2 || value[1] != '/';
  }
  constexpr std::string_view kSeparator = "://";
  const std::size_t scheme = value.find(kSeparator);
  const std::size_t slash =
      scheme == std::string_view::npos ? scheme : value.find_first_of("/?\\", scheme + kSeparator.size());
  if (slash == std::string_view::npos || value[slash] != '/') {
    return false;
  }
  *out = {value.substr(0, slash), value.substr(slash)};
  return true;
}

bool is_read_in_two_ways(std::string_view decoded_path) noexcept {
  std::string_view rest = decoded_path;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    if (is_dots_with_parameters(rest.substr(0, end))) {
      return true;
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  for (std::size_t i = 0; i < decoded_path.size(); ++i) {
    if (decoded_path[i] == '\\' || (decoded_path[i] == '%' && i + 2 < decoded_path.size() &&
                                    is_hex_digit(decoded_path[i + 1]) && is_hex_digit(decoded_path[i + 2]))) {
      return true;
    }
  }
  return false;
}

}  // namespace keyward
