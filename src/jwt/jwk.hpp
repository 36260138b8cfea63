// One JSON Web Key (RFC 7517; RFC 7518, section 6; RFC 8037).
#pragma once

#include "crypto/key_problem.hpp"
#include "json/json.hpp"
#include "jwt/key_set.hpp"

namespace keyward::jwt {

// Makes a key of it for verifying signatures, or says why not. key->kid is set wherever it could be read. Secrets are
// taken.
crypto::KeyProblem parse_jwk(const json::Value &jwk, Key *key);

// "kty":"oct", whatever else it says.
bool is_secret_jwk(const json::Value &jwk) noexcept;
// Whether it holds what only the signer may know: d, or the parts of an RSA key's.
bool has_private_part(const json::Value &jwk) noexcept;

}  // namespace keyward::jwt
