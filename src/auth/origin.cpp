// Origins and Host fields, taken apart strictly.
#include "auth/origin.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/ascii.hpp"

namespace keyward {

namespace {

constexpr std::uint32_t kHttpPort = 80, kHttpsPort = 443, kMaxPort = 65535;

struct Authority {
  std::string_view host;   // of an IPv6 address with its brackets
  std::uint32_t port = 0;  // 0: it has none
};

bool is_host(std::string_view text) noexcept {
  const bool address = text.size() > 2 && text.front() == '[' && text.back() == ']';
  const std::string_view others = address ? ":." : "-._";
  const std::string_view inside = address ? text.substr(1, text.size() - 2) : text;
  return !inside.empty() && std::all_of(inside.begin(), inside.end(), [others](char c) {
    return is_alphanumeric(c) || others.find(c) != std::string_view::npos;
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
  const bool https = equal_caseless(scheme, "https");
  Authority theirs, ours;
  if ((!https && !equal_caseless(scheme, "http")) ||
      !parse_authority(origin.substr(end + kSeparator.size()), &theirs) || !parse_authority(host, &ours) ||
      !equal_caseless(theirs.host, ours.host)) {
    return false;
  }
  const std::uint32_t usual = https ? kHttpsPort : kHttpPort;
  const std::uint32_t from = theirs.port != 0 ? theirs.port : usual;
  const std::uint32_t to = ours.port != 0 ? ours.port : over_tls ? kHttpsPort : usual;
  return from == to;
}

bool is_origin(std::string_view text) noexcept {
  constexpr std::string_view kSeparator = "://";
  const std::size_t end = text.find(kSeparator);
  if (end == std::string_view::npos || end == 0) {
    return false;
  }
  const std::string_view scheme = text.substr(0, end);
  const auto is_small = [](char c) { return c < 'A' || c > 'Z'; };
  const auto is_of_scheme = [](char c) { return is_alphanumeric(c) || c == '+' || c == '-' || c == '.'; };
  Authority authority;
  if (!std::all_of(text.begin(), text.end(), is_small) || !std::all_of(scheme.begin(), scheme.end(), is_of_scheme) ||
      !parse_authority(text.substr(end + kSeparator.size()), &authority)) {
    return false;
  }
  const std::uint32_t usual = scheme == "https" ? kHttpsPort : scheme == "http" ? kHttpPort : 0;
  return authority.port == 0 || authority.port != usual;
}

bool may_call(const OriginRules &rules, const FieldSeen &origin, std::string_view host, bool host_is_known,
              bool over_tls) noexcept {
  if (origin.count == 0) {
    return true;
  }
  if (origin.count > 1 || !origin.well_spelled) {
    return false;
  }
  return (rules.any && is_origin(origin.value)) ||
         std::find(rules.origins.begin(), rules.origins.end(), origin.value) != rules.origins.end() ||
         (host_is_known && is_own_origin(origin.value, host, over_tls));
}

bool may_be_cross_site(const Provenance &request) noexcept {
  if (request.reads && !request.has_upgrade) {
    return false;
  }
  const FieldSeen &site = request.fetch_site, &origin = request.origin;
  if (request.origins != nullptr && origin.count == 1 && origin.well_spelled &&
      std::find(request.origins->begin(), request.origins->end(), origin.value) != request.origins->end()) {
    return false;
  }
  if (site.count > 1 || origin.count > 1 || !site.well_spelled) {
    return true;
  }
  // A browser that says where a request comes from knows better than a comparison.
  if (site.count == 1) {
    return site.value != "same-origin" && site.value != "none";
  }
  if (origin.count == 0) {
    return !request.may_say_nothing;
  }
  return request.host.empty() || !is_own_origin(origin.value, request.host, request.over_tls);
}

}  // namespace keyward
