// RFC 3986, as far as a key set's place needs it. Strict, so that libcurl can't take another host from it than we do.
#include "fetch/url.hpp"

#include <algorithm>
#include <cstddef>

#include "base/ascii.hpp"

namespace keyward {

namespace {

constexpr std::size_t kMaxUrlBytes = 2048;
constexpr std::size_t kMaxHostBytes = 253;

bool fail(std::string *error, const char *problem) {
  *error = problem;
  return false;
}

bool begins_with(std::string_view text, std::string_view scheme) noexcept {
  return equal_caseless(text.substr(0, scheme.size()), scheme);
}

bool is_url_character(char c) noexcept {
  return c > 0x20 && c < 0x7f && std::string_view("\"<>\\^`{|}").find(c) == std::string_view::npos;
}

bool is_name(std::string_view host) noexcept {
  return !host.empty() && host.size() <= kMaxHostBytes && host.front() != '.' && host.front() != '-' &&
         std::all_of(host.begin(), host.end(),
                     [](char c) { return is_letter(c) || is_digit(c) || c == '.' || c == '-' || c == '_'; });
}

bool is_address_6(std::string_view host) noexcept {
  return host.size() >= 2 && host.find(':') != std::string_view::npos &&
         std::all_of(host.begin(), host.end(), [](char c) { return is_hex_digit(c) || c == ':' || c == '.'; });
}

bool is_port(std::string_view port) noexcept {
  if (port.empty() || port.size() > 5 || !std::all_of(port.begin(), port.end(), is_digit)) {
    return false;
  }
  unsigned number = 0;
  for (const char c : port) {
    number = number * 10 + static_cast<unsigned>(c - '0');
  }
  return number >= 1 && number <= 65535;
}

}  // namespace

bool parse_url(std::string_view text, Url *url, std::string *error) {
  const std::string_view scheme = begins_with(text, "https://") ? "https://" : "http://";
  if (!begins_with(text, scheme)) {
    return fail(error, "is no http:// or https:// URL");
  }
  if (text.size() > kMaxUrlBytes) {
    return fail(error, "is longer than 2048 characters");
  }
  if (!std::all_of(text.begin(), text.end(), is_url_character)) {
    return fail(error, "holds a character that no URL may hold");
  }
  if (text.find('#') != std::string_view::npos) {
    return fail(error, "has a fragment, which is never sent");
  }
  std::string_view authority = text.substr(scheme.size());
  authority = authority.substr(0, authority.find_first_of("/?"));
  if (authority.find('@') != std::string_view::npos) {
    return fail(error, "has a user or password in it");
  }
  const bool in_brackets = !authority.empty() && authority.front() == '[';
  const std::size_t end = in_brackets ? authority.find(']') : authority.find(':');
  const std::string_view host = authority.substr(in_brackets ? 1 : 0, in_brackets ? end - 1 : end);
  if (in_brackets ? end == std::string_view::npos || !is_address_6(host) : !is_name(host)) {
    return fail(error, "has no valid host");
  }
  const std::string_view rest =
      end == std::string_view::npos ? std::string_view() : authority.substr(end + (in_brackets ? 1 : 0));
  if (!rest.empty() && (rest.front() != ':' || !is_port(rest.substr(1)))) {
    return fail(error, "has no valid port");
  }
  url->tls = scheme.size() == 8;
  url->text = text;
  url->shown = text.substr(0, text.find('?'));
  url->host = host;
  std::transform(url->host.begin(), url->host.end(), url->host.begin(), to_lower);
  url->path_at = scheme.size() + authority.size();
  return true;
}

}  // namespace keyward
