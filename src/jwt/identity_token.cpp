// The token, and the key set.
#include "jwt/identity_token.hpp"

#include <utility>

#include "base/base64url.hpp"
#include "base/digest.hpp"
#include "json/json.hpp"

namespace keyward::jwt {
namespace {

void put(json::Writer *out, std::string_view name, std::string_view text) {
  if (!text.empty()) {
    out->member(name, text);
  }
}

}  // namespace

IdentitySigner::IdentitySigner(std::unique_ptr<const crypto::SigningKey> key, std::string issuer)
    : key_(std::move(key)), issuer_(std::move(issuer)) {
  const std::string point = to_base64url(view_of(key_->public_point()));
  // Members in the order of their names, without blanks: what a thumbprint is of (RFC 7638, section 3; RFC 8037).
  json::Writer required;
  required.begin_object().member("crv", "Ed25519").member("kty", "OKP").member("x", point).end_object();
  const std::string kid = to_base64url(view_of(sha256(required.text())));
  json::Writer header;
  header.begin_object().member("alg", "EdDSA").member("typ", "identity+jwt").member("kid", kid).end_object();
  header_ = to_base64url(header.text()) + '.';
  json::Writer keys;
  keys.begin_object().key("keys").begin_array().begin_object();
  keys.member("kty", "OKP").member("crv", "Ed25519").member("x", point);
  keys.member("kid", kid).member("use", "sig").member("alg", "EdDSA");
  keys.end_object().end_array().end_object();
  key_set_ = keys.text();
}

std::string IdentitySigner::sign(const IdentityClaims &claims, std::int64_t now_s) const {
  json::Writer out;
  out.begin_object().member("iss", issuer_);
  out.key("iat").number(now_s).key("exp").number(now_s + kIdentityTokenSeconds);
  put(&out, "sub", claims.subject);
  put(&out, "kind", claims.kind);
  put(&out, "key_id", claims.key_id);
  put(&out, "plan", claims.plan);
  put(&out, "scope", claims.scopes);
  put(&out, "issuer", claims.issuer);
  out.end_object();
  std::string token = header_ + to_base64url(out.text());
  const auto signature = key_->sign(token);
  token += '.';
  token += to_base64url(view_of(signature));
  return token;
}

}  // namespace keyward::jwt
