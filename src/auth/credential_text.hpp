// Credentials in what a client wrote: in Authorization, in a WebSocket's protocols, in a query. Text only; nothing is
// copied.
#pragma once

#include <cstddef>
#include <string_view>

namespace keyward {

// Without the spaces and tabs at either end.
std::string_view trim_blanks(std::string_view text) noexcept;

// What follows the scheme Bearer (its case doesn't matter: RFC 9110, section 11.1); empty for any other scheme.
std::string_view bearer_value(std::string_view field) noexcept;

// What follows this scheme, likewise; data() is nullptr for any other one.
std::string_view scheme_value(std::string_view field, std::string_view scheme) noexcept;

// The user and the password of Basic (RFC 7617, section 2): all before the first colon, and all behind it.
struct BasicText {
  bool is_basic = false;     // it is that scheme, and something follows
  bool is_readable = false;  // and that is base64, with a colon in it
  std::string_view user, password;
};
// Decodes into out, which has room for as much as the field; the views are into it.
BasicText read_basic(std::string_view field, char *out) noexcept;

// The scheme of an Authorization field, where it is one that is known to be one: anything else may be a credential that
// stands there without a scheme. Empty: it isn't known.
std::string_view known_scheme(std::string_view field) noexcept;

// Three base64url parts: the form of a JWS (RFC 7515, section 3.1).
bool has_token_form(std::string_view text) noexcept;

inline constexpr std::string_view kWebSocketProtocol = "bearer";

// Calls visit(element, whether it is a credential) for each protocol that a client offers, but for the word before a
// credential. Browsers offer protocols and nothing else with a WebSocket, so a credential comes as the one behind
// "bearer", or another word, anywhere in the list.
template <typename Visit>
void for_each_protocol(std::string_view field, std::string_view word, Visit &&visit) noexcept {
  bool announced = false;
  for (bool more = true; more;) {
    const std::size_t end = field.find(',');
    const std::string_view element = trim_blanks(field.substr(0, end));
    more = end != std::string_view::npos;
    field.remove_prefix(more ? end + 1 : field.size());
    if (element.empty()) {
      continue;  // RFC 9110, section 5.6.1: an empty element is none
    }
    if (announced) {
      visit(element, true);
      announced = false;
    } else if (element == word) {
      announced = true;
    } else {
      visit(element, false);
    }
  }
  if (announced) {
    visit(word, false);
  }
}

// The first credential among the protocols; *count is how many there are.
std::string_view websocket_credential(std::string_view field, std::string_view word, std::size_t *count) noexcept;

// Whether the last protocol is the word that announces whatever a next field begins with: several fields are one list
// (RFC 9110, section 5.3).
bool announces_beyond(std::string_view field, std::string_view word) noexcept;

// Calls visit(argument) for each of a query's arguments, also for empty ones.
template <typename Visit>
void for_each_argument(std::string_view args, Visit &&visit) noexcept {
  std::size_t end;
  do {
    end = args.find('&');
    visit(args.substr(0, end));
    args.remove_prefix(end == std::string_view::npos ? args.size() : end + 1);
  } while (end != std::string_view::npos);
}

// The value of this argument as it was sent, if the argument is the one of this name as a backend reads it (%6Bey is
// key); else data() is nullptr.
std::string_view argument_value(std::string_view argument, std::string_view name) noexcept;

}  // namespace keyward
