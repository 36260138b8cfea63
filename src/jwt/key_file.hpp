// Files that hold an issuer's keys: reading one, and what each kind of file may hold.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "jwt/key_set.hpp"

namespace keyward::jwt {

// Reads a regular file of at most kMaxKeySetBytes. False, with a sentence in error that names the path but nothing in
// it. Blocks; for loading, never for a request. text is the caller's to wipe.
bool read_key_file(const std::string &path, std::string *text, std::string *error);

enum class KeyFileKind {
  key_set,      // a JWK set without secrets, or one JWK; private keys are taken for their public part
  fetched_set,  // a JWK set as an issuer publishes it: public keys only
  public_key,   // one in PEM
  secret,       // of HMAC, as it is; or a JWK of kind oct, or a set of such
  secret_base64url,
  secret_hex,
};

// The second word of secret_file.
bool parse_secret_kind(std::string_view word, KeyFileKind *kind) noexcept;

// What a file of keys came to. The texts are clauses that name neither the file nor anything secret in it.
struct KeyFile {
  std::shared_ptr<const KeySet> keys;  // nullptr: it can't be used
  std::string error;                   // why
  bool holds_secret = false;           // a set with secrets: where these belong is the caller's to say
  std::vector<std::string> warnings;   // of a set: keys that can't be used, while others can; private keys
};

// What is to be said of keys that can be used: of a private part that came with one, of coordinates that came short.
std::vector<std::string> remarks_on(const KeySet &set);

// allowed: the issuer's `algorithms`; no key for any of them is an error, but for a fetched set, whose next one may
// have some. Throws std::bad_alloc.
KeyFile parse_key_file(std::string_view text, KeyFileKind kind, crypto::AlgorithmSet allowed);

}  // namespace keyward::jwt
