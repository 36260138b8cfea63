// Credentials in header fields and queries: a name, then a field or query. What is found lies in the text, and where it
// is taken out none is left, also as a backend would read it.
#include <cctype>
#include <string>
#include <vector>

#include "auth/credential_text.hpp"
#include "base/base64url.hpp"
#include "fuzz.hpp"
#include "lines.hpp"

using namespace keyward;

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

bool lies_in(std::string_view part, std::string_view text) {
  return part.empty() || (part.data() >= text.data() && part.data() + part.size() <= text.data() + text.size());
}

void look_for_bearer(std::string_view field) {
  const std::string_view value = bearer_value(field);
  fuzz::must(lies_in(value, field));
  std::string other(field);
  for (char &c : other) {
    c = static_cast<char>(std::isupper(static_cast<unsigned char>(c)) != 0
                              ? std::tolower(static_cast<unsigned char>(c))
                              : std::toupper(static_cast<unsigned char>(c)));
  }
  fuzz::must(bearer_value(other).size() == value.size());
  fuzz::must(bearer_value("\t " + other + " ").size() == value.size());
  if (!value.empty()) {
    fuzz::must(!is_blank(value.front()) && !is_blank(value.back()));
    fuzz::must(bearer_value("Bearer " + std::string(value)) == value);
  }
}

// A scheme's value is the field without its name; Basic is read from what a reader of base64 reads.
void look_for_schemes(std::string_view field, std::string_view name) {
  const std::string_view value = scheme_value(field, name);
  fuzz::must(lies_in(value, field));
  if (!value.empty() && !name.empty() && !is_blank(name.front())) {
    fuzz::must(scheme_value(std::string(name) + " " + std::string(value), name) == value);
  }
  fuzz::must(scheme_value(field, "bearer") == bearer_value(field));
  const std::string_view known = known_scheme(field);
  fuzz::must(known.empty() || scheme_value(field, known).data() != nullptr);
  std::string room(field.size(), '\0');
  const BasicText text = read_basic(field, room.data());
  fuzz::must(text.is_basic == !scheme_value(field, "basic").empty());
  fuzz::must(text.is_basic || !text.is_readable);
  if (!text.is_readable) {
    fuzz::must(text.user.empty() && text.password.empty());
    return;
  }
  fuzz::must(text.user.find(':') == std::string_view::npos);
  std::string written = to_base64url(std::string(text.user) + ':' + std::string(text.password));
  for (char &c : written) {
    c = c == '-' ? '+' : c == '_' ? '/' : c;
  }
  std::string_view sent = scheme_value(field, "basic");
  fuzz::must(sent.substr(0, written.size()) == written && sent.size() - written.size() <= 2);
}

void look_for_token(std::string_view text) {
  std::size_t dots = 0;
  bool plain = !text.empty() && text.front() != '.' && text.back() != '.' && text.find("..") == std::string_view::npos;
  for (const char c : text) {
    dots += c == '.' ? 1 : 0;
    plain = plain && (c == '.' || c == '-' || c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                      (c >= 'A' && c <= 'Z'));
  }
  fuzz::must(has_token_form(text) == (plain && dots == 2));
}

void look_at_protocols(std::string_view field) {
  std::size_t count = 0;
  const std::string_view first = websocket_credential(field, kWebSocketProtocol, &count);
  fuzz::must(lies_in(first, field) && first.empty() == (count == 0));
  std::string rest;  // as the backend gets it
  std::size_t seen = 0;
  for_each_protocol(field, kWebSocketProtocol, [&](std::string_view element, bool is_credential) {
    fuzz::must(!element.empty() && element.find(',') == std::string_view::npos);
    fuzz::must(!is_blank(element.front()) && !is_blank(element.back()));
    seen += is_credential ? 1 : 0;
    if (!is_credential) {
      rest += (rest.empty() ? "" : ", ") + std::string(element);
    }
  });
  fuzz::must(seen == count);
  // strip_websocket() reserves twice the length.
  fuzz::must(rest.size() <= 2 * field.size());
  fuzz::must(websocket_credential(rest, kWebSocketProtocol, &count).empty() && count == 0);
}

// As a backend does, and apart from what is tried.
std::string decoded(std::string_view text) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  while (!text.empty()) {
    std::size_t taken = 1;
    char c = text.front();
    if (c == '%' && text.size() > 2) {
      const std::size_t high = kDigits.find(static_cast<char>(std::tolower(static_cast<unsigned char>(text[1]))));
      const std::size_t low = kDigits.find(static_cast<char>(std::tolower(static_cast<unsigned char>(text[2]))));
      if (high != std::string_view::npos && low != std::string_view::npos) {
        c = static_cast<char>(high * 16 + low);
        taken = 3;
      }
    }
    out += c;
    text.remove_prefix(taken);
  }
  return out;
}

void look_at_query(std::string_view args, std::string_view name) {
  std::vector<std::string_view> all;
  for_each_argument(args, [&](std::string_view argument) { all.push_back(argument); });
  std::string joined;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string_view argument = all[i];
    joined += (i == 0 ? "" : "&") + std::string(argument);
    const std::string_view value = argument_value(argument, name);
    fuzz::must(lies_in(value, argument));
    const std::size_t equals = argument.find('=');
    const bool named = equals != std::string_view::npos && decoded(argument.substr(0, equals)) == name;
    fuzz::must(named == (value.data() != nullptr));
    fuzz::must(!named || value == argument.substr(equals + 1));
  }
  fuzz::must(joined == args);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  std::string_view field = fuzz::text_of(data, size);
  const std::string_view name = fuzz::take_line(&field);
  look_for_bearer(field);
  look_for_schemes(field, name);
  look_for_token(field);
  look_at_protocols(field);
  look_at_query(field, name);
  return 0;
}
