// Names and requirements: exact comparisons.
#include "jwt/claims.hpp"

#include <algorithm>

namespace keyward::jwt {

namespace {

using Type = json::Value::Type;

bool is_string(const json::Value &value) noexcept { return value.type == Type::string; }

bool is_string_or_absent(const json::Value *value) noexcept { return value == nullptr || is_string(*value); }

// An id that no argument of a command could name couldn't be denied either.
bool is_id_or_absent(const json::Value *value) noexcept {
  return is_string_or_absent(value) && (value == nullptr || value->text.find('\0') == std::string::npos);
}

bool is_one_of(const json::Value &value, const std::vector<std::string> &texts) noexcept {
  std::string_view text;
  switch (value.type) {
    case Type::string:
    case Type::number:
      text = value.text;
      break;
    case Type::boolean:
      text = value.boolean ? "true" : "false";
      break;
    default:
      return false;
  }
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

bool is_audience_well_formed(const json::Value *audience) noexcept {
  if (audience != nullptr && audience->type == Type::array) {
    return std::all_of(audience->items.begin(), audience->items.end(), is_string);
  }
  return is_string_or_absent(audience);
}

// audience is well-formed.
bool has_audience(const json::Value *audience, const std::vector<std::string> &wanted) noexcept {
  if (audience == nullptr) {
    return false;
  }
  if (is_string(*audience)) {
    return is_one_of(*audience, wanted);
  }
  return std::any_of(audience->items.begin(), audience->items.end(),
                     [&wanted](const json::Value &item) { return is_one_of(item, wanted); });
}

}  // namespace

Cause parse_claims(std::string_view payload, json::Value *claims) {
  std::string error;
  const bool parsed = json::parse(payload, json::Limits(), claims, &error) && claims->type == Type::object;
  return parsed ? Cause::none : Cause::bad_payload;
}

bool has_issuer(const Issuer &issuer, const json::Value &claims) noexcept {
  const json::Value *value = claims.find("iss");
  return issuer.issuers.empty() || (value != nullptr && is_string(*value) && is_one_of(*value, issuer.issuers));
}

bool meets(const Requirement &requirement, const json::Value &claims) noexcept {
  const json::Value *value = requirement.claim.find(claims);
  if (value == nullptr) {
    return false;
  }
  if (value->type != Type::array) {
    return is_one_of(*value, requirement.values);
  }
  return std::any_of(value->items.begin(), value->items.end(),
                     [&requirement](const json::Value &item) { return is_one_of(item, requirement.values); });
}

Finding check_names(const Issuer &issuer, const json::Value &claims) noexcept {
  const json::Value *audience = claims.find("aud");
  if (!is_string_or_absent(claims.find("iss"))) {
    return {Cause::bad_claim, NamedClaim::iss};
  }
  if (!is_id_or_absent(claims.find("jti"))) {
    return {Cause::bad_claim, NamedClaim::jti};
  }
  if (!is_audience_well_formed(audience)) {
    return {Cause::bad_claim, NamedClaim::aud};
  }
  return issuer.audiences.empty() || has_audience(audience, issuer.audiences) ? Cause::none : Cause::wrong_audience;
}

}  // namespace keyward::jwt
