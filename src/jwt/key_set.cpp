// Sets of keys: reading them, and finding the one that signed.
#include "jwt/key_set.hpp"

#include <algorithm>
#include <new>

#include "base/base64url.hpp"
#include "base/digest.hpp"
#include "base/hex.hpp"
#include "base/text_rules.hpp"
#include "json/json.hpp"
#include "jwt/jwk.hpp"

namespace keyward::jwt {

namespace {

using crypto::KeyProblem;
using Type = json::Value::Type;

// The tree that held secrets and private parts is wiped.
struct WipedValue {
  WipedValue() = default;
  ~WipedValue() { wipe_texts(&value); }
  WipedValue(const WipedValue &) = delete;
  WipedValue &operator=(const WipedValue &) = delete;
  json::Value value;
};

KeyProblem parse_member(const json::Value &jwk, KeySource source, bool secrets_only, Key *key) {
  const bool is_secret = is_secret_jwk(jwk);
  const KeyProblem problem = parse_jwk(jwk, key);
  if (is_secret && (source == KeySource::fetched || !secrets_only)) {
    return KeyProblem::secret_not_allowed;
  }
  key->came_with_private_part = !is_secret && has_private_part(jwk);
  return key->came_with_private_part && source == KeySource::fetched ? KeyProblem::private_key : problem;
}

// What is given as a key set now and then, and is none; nullptr: neither of these.
const char *name_of_other_form(std::string_view text) noexcept {
  if (text.substr(0, 2) == "\x1f\x8b") {
    return "it is compressed (gzip): serve it, or save it, as it is";
  }
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  const bool is_pem = begin != std::string_view::npos && text.substr(begin, 11) == "-----BEGIN ";
  return is_pem ? "it is PEM, and no JWK set: name a file with this key by \"public_key\"" : nullptr;
}

// Decodes a text; false if it is none of this form.
bool decode(std::string_view text, SecretForm form, std::string *bytes) {
  if (form == SecretForm::base64url) {
    return from_base64url(text, bytes);
  }
  bytes->resize(text.size() / 2);
  return text.size() % 2 == 0 && from_hex(text, reinterpret_cast<std::uint8_t *>(bytes->data()), bytes->size());
}

bool fail(std::string *error, const char *problem) {
  *error = problem;
  return false;
}

// The keys of a set; from a file, one key by itself will do.
const std::vector<json::Value> *find_keys(const json::Value &document, KeySource source,
                                          std::vector<json::Value> *single) {
  const json::Value *keys = document.find("keys");
  if (keys != nullptr) {
    return keys->type == Type::array ? &keys->items : nullptr;
  }
  if (source == KeySource::file && document.find("kty") != nullptr) {
    single->push_back(document);
    return single;
  }
  return nullptr;
}

// Which of a set's keys a token means: see KeySet::verify().
class Meant {
 public:
  Meant(const KeySet &set, const Header &header) noexcept
      : header_(header), kid_is_known_(header.has_kid && set.has_kid(header.kid)) {}

  bool has(const Key &key) const noexcept {
    return !header_.has_kid || (kid_is_known_ ? key.has_kid && key.kid == header_.kid : !key.has_kid);
  }

 private:
  const Header &header_;
  bool kid_is_known_;
};

bool may_use(const Key &key, const Header &header, crypto::AlgorithmSet allowed) noexcept {
  return (key.algorithms & allowed).has(header.algorithm);
}

bool take_one(crypto::KeyPointer material, KeySet *set) {
  if (material == nullptr) {
    return false;
  }
  Key key;
  key.algorithms = material->algorithms();
  key.material = std::move(material);
  *set = KeySet();
  set->add(std::move(key));
  return true;
}

}  // namespace

bool KeySet::has(const Digest &id) const noexcept {
  return std::any_of(keys_.begin(), keys_.end(), [&id](const Key &key) { return key.material->id() == id; });
}

bool KeySet::shares(const crypto::VerificationKey &key) const noexcept {
  return std::any_of(keys_.begin(), keys_.end(), [&key](const Key &own) { return own.material->shares_with(key); });
}

bool KeySet::shares_keys_with(const KeySet &other) const noexcept {
  return std::any_of(keys_.begin(), keys_.end(), [&other](const Key &key) { return other.shares(*key.material); });
}

bool KeySet::has_kid(std::string_view kid) const noexcept {
  return std::any_of(keys_.begin(), keys_.end(), [kid](const Key &key) { return key.has_kid && key.kid == kid; });
}

Cause KeySet::verify(const Jws &jws, crypto::AlgorithmSet allowed, Digest *id) const noexcept {
  const Header &header = jws.header;
  const Meant by_token(*this, header);
  bool meant = false;
  std::size_t tries = 0;
  for (const Key &key : keys_) {
    const bool is_meant = by_token.has(key);
    meant = meant || is_meant;
    if (!is_meant || !may_use(key, header, allowed)) {
      continue;
    }
    if (++tries > kMaxTries) {
      return Cause::too_many_keys;
    }
    switch (key.material->verify(header.algorithm, jws.signed_text, jws.signature)) {
      case crypto::Match::yes:
        *id = key.material->id();
        return Cause::none;
      case crypto::Match::failed:
        return Cause::crypto_failure;
      case crypto::Match::no:
        break;
    }
  }
  if (tries > 0) {
    return Cause::bad_signature;
  }
  return meant ? Cause::algorithm_not_allowed : Cause::unknown_key;
}

std::uint32_t KeySet::cost_us(const Header &header, crypto::AlgorithmSet allowed) const noexcept {
  const Meant by_token(*this, header);
  std::uint32_t cost = 0;
  std::size_t tries = 0;
  for (const Key &key : keys_) {
    if (by_token.has(key) && may_use(key, header, allowed) && ++tries <= kMaxTries) {
      cost += key.material->cost_us();
    }
  }
  return cost;
}

bool parse_key_set(std::string_view text, KeySource source, KeySet *set, std::vector<KeyRefusal> *refusals,
                   std::string *error) {
  refusals->clear();
  if (const char *other = name_of_other_form(text)) {
    return fail(error, other);
  }
  WipedValue document;
  json::Limits limits;
  limits.bytes = kMaxKeySetBytes;
  limits.values = kMaxKeySetValues;
  if (!json::parse(text, limits, &document.value, error)) {
    return false;
  }
  WipedValue single;
  const std::vector<json::Value> *keys = find_keys(document.value, source, &single.value.items);
  if (keys == nullptr && document.value.find("jwks_uri") != nullptr) {
    return fail(error,
                "it is the provider's metadata (its discovery document), and no JWK set: write the URL that it "
                "has as \"jwks_uri\", or discovery with its \"issuer\"");
  }
  if (keys == nullptr) {
    return fail(error, "not a JWK set (an object with an array \"keys\")");
  }
  const bool secrets_only = std::all_of(keys->begin(), keys->end(), is_secret_jwk);
  KeySet made;
  if (keys->size() > kMaxKeys) {
    made.set_cut();
  }
  for (std::size_t i = 0; i < keys->size() && i <= kMaxKeys; ++i) {
    Key key;
    const KeyProblem problem =
        i == kMaxKeys ? KeyProblem::too_many_keys : parse_member((*keys)[i], source, secrets_only, &key);
    if (problem == KeyProblem::crypto_failure) {
      throw std::bad_alloc();  // without this key it would be another set
    }
    if (problem == KeyProblem::none) {
      made.add(std::move(key));
    } else {
      refusals->push_back({i, is_id(key.kid) ? key.kid : std::string(), problem});
    }
  }
  if (made.size() == 0) {
    return fail(error, "no key that can be used");
  }
  *set = std::move(made);
  return true;
}

bool parse_public_key(std::string_view pem, KeySet *set, KeyProblem *problem) {
  *problem = KeyProblem::none;
  return take_one(crypto::make_pem_key(pem, problem), set);
}

bool parse_secret(std::string_view bytes, SecretForm form, KeySet *set, KeyProblem *problem) {
  std::string_view text = bytes;
  if (!text.empty() && text.back() == '\n') {
    text.remove_suffix(1);
    if (!text.empty() && text.back() == '\r') {
      text.remove_suffix(1);
    }
  }
  const bool is_text = std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  *problem = KeyProblem::none;
  if (form == SecretForm::as_is) {
    return take_one(crypto::make_secret_key(is_text ? text : bytes, problem), set);
  }
  std::string secret;
  const bool good = is_text && decode(text, form, &secret);
  *problem = good ? KeyProblem::none : KeyProblem::bad_secret_text;
  const bool taken = good && take_one(crypto::make_secret_key(secret, problem), set);
  wipe(secret.data(), secret.size());
  return taken;
}

}  // namespace keyward::jwt
