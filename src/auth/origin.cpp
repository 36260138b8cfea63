// Origins and Host fields, taken apart strictly.
#include "auth/origin.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace keyward {

namespace {

constexpr std::uint32_t kHttpPort = 80, kHttpsPort = 443, kMaxPort = 65535;

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_without_case(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

struct Authority {
  std::string_view host;   // of an IPv6 address with its brackets
  std::uint32_t port = 0;  // 0: it has none
};

bool is_host(std::string_view text) noexcept {
  const bool address = text.size() > 2 && text.front() == '[' && text.back() == ']';
  const std::string_view others = address ? ":." : "-._";
  const std::string_view inside = address ? text.substr(1, text.size() - 2) : text;
  return !inside.empty() && std::all_of(inside.begin(), inside.end(), [others](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           others.find(c) != std::string_view::npos;
  });
}

bool parse_port(std::string_view text, std::uint32_t *port) noexcept {
  constexpr std::size_t kMaxDigits = 5;
  *port = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') {
      return false;
    }
    *port = *port * 10 + static_cast<std::uint32_t>(c - '0');
  }
  return !text.empty() && text.size() <= kMaxDigits && *port != 0 && *port <= kMaxPort;
}

bool parse_authority(std::string_view text, Authority *authority) noexcept {
  const std::size_t bracket = text.rfind(']');
  const std::size_t colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
  authority->host = text.substr(0, colon);
  authority->port = 0;
  return is_host(authority->host) &&
         (colon == std::string_view::npos || parse_port(text.substr(colon + 1), &authority->port));
}

}  // namespace

bool is_own_origin(std::string_view origin, std::string_view host, bool over_tls) noexcept {
  constexpr std::string_view kSeparator = "://";
  const std::size_t end = origin.find(kSeparator);
  if (end == std::string_view::npos) {
    return false;
  }
  const std::string_view scheme = origin.substr(0, end);
  const bool https = equal_without_case(scheme, "https");
  Authority theirs, ours;
  if ((!https && !equal_without_case(scheme, "http")) ||
      !parse_authority(origin.substr(end + kSeparator.size()), &theirs) || !parse_authority(host, &ours) ||
      !equal_without_case(theirs.host, ours.host)) {
    return false;
  }
  const std::uint32_t usual = https ? kHttpsPort : kHttpPort;
  const std::uint32_t from = theirs.port != 0 ? theirs.port : usual;
  const std::uint32_t to = ours.port != 0 ? ours.port : over_tls ? kHttpsPort : usual;
  return from == to;
}

}  // namespace keyward
