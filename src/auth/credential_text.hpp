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

// Three base64url parts: the form of a JWS (RFC 7515, section 3.1).
bool has_token_form(std::string_view text) noexcept;

inline constexpr std::string_view kWebSocketProtocol = "bearer";

// Calls visit(element, whether it is a credential) for each protocol that a client offers, but for the "bearer" before
// a credential. Browsers offer protocols and nothing else with a WebSocket, so a credential comes as the one behind
// "bearer", anywhere in the list.
template <typename Visit>
void for_each_protocol(std::string_view field, Visit &&visit) noexcept {
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
    } else if (element == kWebSocketProtocol) {
      announced = true;
    } else {
      visit(element, false);
    }
  }
  if (announced) {
    visit(kWebSocketProtocol, false);
  }
}

// The first credential among the protocols; *count is how many there are.
std::string_view websocket_credential(std::string_view field, std::size_t *count) noexcept;

// Whether the last protocol is a "bearer" that announces whatever a next field begins with: several fields are one list
// (RFC 9110, section 5.3).
bool announces_beyond(std::string_view field) noexcept;

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
