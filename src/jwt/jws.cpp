// From a token's text to its parts.
#include "jwt/jws.hpp"

#include <algorithm>

#include "base/ascii.hpp"
#include "base/base64url.hpp"
#include "json/json.hpp"

namespace keyward::jwt {

namespace {

constexpr std::string_view kApplication = "application/";

std::string_view without_application(std::string_view type) noexcept {
  const bool has = equal_caseless(type.substr(0, kApplication.size()), kApplication);
  // Only where no other '/' follows: "application/a/b" is no short form of anything.
  return has && type.find('/', kApplication.size()) == std::string_view::npos ? type.substr(kApplication.size()) : type;
}

// False if there is such a member and it is no string.
bool take_string(const json::Value &object, std::string_view name, bool *has, std::string *text) {
  const json::Value *value = object.find(name);
  *has = value != nullptr;
  if (value != nullptr) {
    *text = value->text;
  }
  return value == nullptr || value->type == json::Value::Type::string;
}

Cause parse_header(std::string_view text, Header *header) {
  json::Value object;
  std::string error;
  if (!json::parse(text, json::Limits(), &object, &error) || object.type != json::Value::Type::object) {
    return Cause::bad_header;
  }
  // RFC 7515, section 4.1.11: who doesn't know an extension named in crit must refuse, and we know none. b64 (RFC 7797)
  // is invalid without crit, but some verifiers obey it all the same.
  if (object.find("crit") != nullptr || object.find("b64") != nullptr) {
    return Cause::critical_header;
  }
  bool has_algorithm = false;
  std::string algorithm;
  if (!take_string(object, "alg", &has_algorithm, &algorithm) || !has_algorithm ||
      !take_string(object, "kid", &header->has_kid, &header->kid) ||
      !take_string(object, "typ", &header->has_type, &header->type)) {
    return Cause::bad_header_member;
  }
  return crypto::parse_algorithm(algorithm, &header->algorithm) ? Cause::none : Cause::unknown_algorithm;
}

}  // namespace

Cause parse_jws(std::string_view token, Jws *jws) {
  if (token.size() > kMaxTokenBytes) {
    return Cause::too_long;
  }
  const std::size_t first = token.find('.');
  const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
    return Cause::not_three_parts;
  }
  std::string header;
  if (!from_base64url(token.substr(0, first), &header) ||
      !from_base64url(token.substr(first + 1, second - first - 1), &jws->payload) ||
      !from_base64url(token.substr(second + 1), &jws->signature)) {
    return Cause::bad_encoding;
  }
  jws->signed_text = token.substr(0, second);
  return parse_header(header, &jws->header);
}

bool is_same_type(std::string_view type, std::string_view wanted) noexcept {
  return equal_caseless(without_application(type), without_application(wanted));
}

}  // namespace keyward::jwt
