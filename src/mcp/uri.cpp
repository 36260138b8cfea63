// Syntax-based normalisation (RFC 3986, section 6.2.2), and what must not be left to a reader's taste.
#include "mcp/uri.hpp"

#include <algorithm>
#include <utility>

#include "base/ascii.hpp"

namespace keyward::mcp {

namespace {

bool is_control(unsigned char c) noexcept { return c < 0x20 || c == 0x7f; }
bool is_unreserved(char c) noexcept { return is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~'; }

unsigned hex_value(char c) noexcept { return static_cast<unsigned>(is_digit(c) ? c - '0' : to_lower(c) - 'a' + 10); }

// Behind "SCHEME:"; 0: there is no scheme.
std::size_t scheme_end(std::string_view uri) noexcept {
  if (uri.empty() || !is_letter(uri.front())) {
    return 0;
  }
  std::size_t at = 1;
  while (at < uri.size() && (is_alphanumeric(uri[at]) || uri[at] == '+' || uri[at] == '-' || uri[at] == '.')) {
    ++at;
  }
  return at < uri.size() && uri[at] == ':' ? at + 1 : 0;
}

// Where an authority may begin and the path does.
struct Parts {
  std::size_t host = 0, path = 0;
};

Parts parts_of(std::string_view uri) noexcept {
  const std::size_t scheme = scheme_end(uri);
  if (uri.substr(scheme, 2) != "//") {
    return {scheme, scheme};
  }
  const std::size_t begin = scheme + 2;
  const std::size_t end = std::min(uri.find_first_of("/?#", begin), uri.size());
  const std::size_t user_end = uri.substr(begin, end - begin).rfind('@');
  return {user_end == std::string_view::npos ? begin : begin + user_end + 1, end};
}

// false: a '%' that encodes nothing, or what must not be encoded.
bool decode_unreserved(std::string_view uri, std::string *out) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  out->reserve(uri.size());
  for (std::size_t at = 0; at < uri.size(); ++at) {
    if (uri[at] != '%') {
      out->push_back(uri[at]);
      continue;
    }
    if (uri.size() - at < 3 || !is_hex_digit(uri[at + 1]) || !is_hex_digit(uri[at + 2])) {
      return false;
    }
    const unsigned value = hex_value(uri[at + 1]) * 16 + hex_value(uri[at + 2]);
    const char c = static_cast<char>(value);
    if (is_control(static_cast<unsigned char>(value)) || c == '/' || c == '\\') {
      return false;
    }
    if (is_unreserved(c)) {
      out->push_back(c);
    } else {
      *out += {'%', kDigits[value / 16], kDigits[value % 16]};
    }
    at += 2;
  }
  return true;
}

void lower(std::string *text, std::size_t from, std::size_t to) {
  for (std::size_t at = from; at < to; ++at) {
    if ((*text)[at] == '%') {
      at += 2;
    } else {
      (*text)[at] = to_lower((*text)[at]);
    }
  }
}

bool starts_with(std::string_view text, std::string_view begin) noexcept {
  return text.substr(0, begin.size()) == begin;
}

void drop_segment(std::string *path) {
  const std::size_t slash = path->rfind('/');
  path->erase(slash == std::string::npos ? 0 : slash);
}

// RFC 3986, section 5.2.4.
std::string remove_dot_segments(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    if (starts_with(path, "../")) {
      path.remove_prefix(3);
    } else if (starts_with(path, "./") || starts_with(path, "/./")) {
      path.remove_prefix(2);
    } else if (path == "/." || path == "/..") {
      if (path == "/..") {
        drop_segment(&out);
      }
      path = "/";
    } else if (starts_with(path, "/../")) {
      path.remove_prefix(3);
      drop_segment(&out);
    } else if (path == "." || path == "..") {
      path = {};
    } else {
      const std::size_t end = std::min(path.find('/', 1), path.size());
      out += path.substr(0, end);
      path.remove_prefix(end);
    }
  }
  return out;
}

// Runs of slashes become one.
std::string merged(std::string_view path) {
  std::string out;
  out.reserve(path.size());
  for (const char c : path) {
    if (c != '/' || out.empty() || out.back() != '/') {
      out.push_back(c);
    }
  }
  return out;
}

std::size_t path_end(std::string_view uri, std::size_t path) noexcept {
  return std::min(uri.find_first_of("?#", path), uri.size());
}

bool has_control(std::string_view uri) noexcept {
  return std::any_of(uri.begin(), uri.end(),
                     [](char c) { return is_control(static_cast<unsigned char>(c)) || c == '\\'; });
}

// Whether there is nothing to normalise: looked at without memory. May say no of what is normal.
bool is_surely_normal(std::string_view uri) noexcept {
  const Parts parts = parts_of(uri);
  const auto is_capital = [](char c) { return c >= 'A' && c <= 'Z'; };
  const std::string_view scheme = uri.substr(0, scheme_end(uri));
  const std::string_view host = uri.substr(parts.host, parts.path - parts.host);
  return uri.find('%') == std::string_view::npos && std::none_of(scheme.begin(), scheme.end(), is_capital) &&
         std::none_of(host.begin(), host.end(), is_capital) && uri.find("/.", parts.path) == std::string_view::npos &&
         (parts.path == uri.size() || uri[parts.path] != '.');
}

// The same for empty segments.
bool is_surely_merged(std::string_view uri) noexcept {
  return uri.find("//", parts_of(uri).path) == std::string_view::npos;
}

// Escapes and letters of the normal spelling, and where its path begins and ends; its dot segments are there still.
struct Spelled {
  std::string text;
  std::size_t path = 0, end = 0;

  std::string_view path_text() const noexcept { return std::string_view(text).substr(path, end - path); }
  std::string with_path(std::string_view other) const {
    return text.substr(0, path).append(other).append(text, end, std::string::npos);
  }
};

// false: it is bad.
bool spell(std::string_view uri, Spelled *out) {
  if (!decode_unreserved(uri, &out->text)) {
    return false;
  }
  const Parts parts = parts_of(out->text);
  lower(&out->text, 0, scheme_end(out->text));
  lower(&out->text, parts.host, parts.path);
  out->path = parts.path;
  out->end = path_end(out->text, parts.path);
  return true;
}

}  // namespace

UriForm normalise_uri(std::string_view uri, std::string *out) {
  if (has_control(uri)) {
    return UriForm::bad;
  }
  if (is_surely_normal(uri)) {
    return UriForm::normal;
  }
  Spelled spelled;
  if (!spell(uri, &spelled)) {
    return UriForm::bad;
  }
  std::string normal = spelled.with_path(remove_dot_segments(spelled.path_text()));
  if (normal == uri) {
    return UriForm::normal;
  }
  *out = std::move(normal);
  return UriForm::other;
}

bool read_uri_otherwise(std::string_view uri, std::vector<std::string> *others) {
  if (has_control(uri)) {
    return false;
  }
  if (is_surely_normal(uri) && is_surely_merged(uri)) {
    return true;
  }
  Spelled spelled;
  if (!spell(uri, &spelled)) {
    return false;
  }
  const auto add = [&](std::string other) {
    if (other != uri && std::find(others->begin(), others->end(), other) == others->end()) {
      others->push_back(std::move(other));
    }
  };
  const auto add_as_file = [&] { add(spelled.with_path(remove_dot_segments(merged(spelled.path_text())))); };
  const std::string normal = remove_dot_segments(spelled.path_text());
  add(spelled.with_path(normal));
  add(spelled.with_path(merged(normal)));
  add_as_file();
  if (spelled.text.find("/.", spelled.end) != std::string::npos) {
    spelled.end = spelled.text.size();
    add_as_file();
  }
  return true;
}

std::string merge_slashes(std::string_view uri) {
  const std::size_t path = parts_of(uri).path, end = path_end(uri, path);
  return std::string(uri.substr(0, path)).append(merged(uri.substr(path, end - path))).append(uri.substr(end));
}

}  // namespace keyward::mcp
