// From the members of a JWK to a key.
#include "jwt/jwk.hpp"

#include <algorithm>

#include "base/base64url.hpp"
#include "base/digest.hpp"
#include "crypto/ec_signature.hpp"

namespace keyward::jwt {

namespace {

using crypto::KeyPointer;
using crypto::KeyProblem;
using crypto::KeyType;
using Type = json::Value::Type;

const json::Value *find_string(const json::Value &object, std::string_view name) noexcept {
  const json::Value *value = object.find(name);
  return value != nullptr && value->type == Type::string ? value : nullptr;
}

// A member that may be absent; some issuers write null for that.
const json::Value *find_optional(const json::Value &object, std::string_view name) noexcept {
  const json::Value *value = object.find(name);
  return value != nullptr && value->type != Type::null ? value : nullptr;
}

// The text of a member that may be absent; false if it is there and no string.
bool optional_string(const json::Value &object, std::string_view name, std::string_view *text) noexcept {
  const json::Value *value = find_optional(object, name);
  if (value != nullptr) {
    *text = value->text;
  }
  return value == nullptr || value->type == Type::string;
}

// Bytes of a member in base64url; wiped, as it may be a secret.
class Part {
 public:
  Part(const json::Value &jwk, std::string_view name) {
    const json::Value *value = find_string(jwk, name);
    problem_ = value == nullptr                                             ? KeyProblem::missing_member
               : from_base64url(value->text, &bytes_)                       ? KeyProblem::none
               : value->text.find_first_of("=+/") != std::string_view::npos ? KeyProblem::plain_base64
                                                                            : KeyProblem::bad_encoding;
  }
  ~Part() { wipe(bytes_.data(), bytes_.size()); }
  Part(const Part &) = delete;
  Part &operator=(const Part &) = delete;

  KeyProblem problem() const noexcept { return problem_; }
  std::string_view bytes() const noexcept { return bytes_; }

  // Zeros in front, up to this size, where a few bytes are missing. Whether any were.
  bool pad(std::size_t size) {
    const bool is_short = bytes_.size() < size && bytes_.size() + kMostMissing >= size;
    bytes_.insert(0, is_short ? size - bytes_.size() : 0, '\0');
    return is_short;
  }

 private:
  static constexpr std::size_t kMostMissing = 4;

  std::string bytes_;
  KeyProblem problem_;
};

KeyProblem first_problem(const Part &a, const Part &b) noexcept {
  return a.problem() != KeyProblem::none ? a.problem() : b.problem();
}

KeyPointer make_okp(const json::Value &jwk, std::string_view curve, KeyProblem *problem) {
  const Part x(jwk, "x");
  *problem = curve != "Ed25519" ? KeyProblem::unknown_curve : x.problem();
  return *problem == KeyProblem::none ? crypto::make_ed25519_key(x.bytes(), problem) : nullptr;
}

// A coordinate has its curve's length, leading zeros too (RFC 7518, section 6.2.1.2). There are issuers that leave these
// out: then it is the same number, and is looked at as one.
KeyPointer make_ec(const json::Value &jwk, std::string_view curve, bool *padded, KeyProblem *problem) {
  KeyType type = KeyType::p256;
  if (curve == "P-384") {
    type = KeyType::p384;
  } else if (curve == "P-521") {
    type = KeyType::p521;
  } else if (curve != "P-256") {
    *problem = KeyProblem::unknown_curve;
    return nullptr;
  }
  Part x(jwk, "x");
  Part y(jwk, "y");
  *problem = first_problem(x, y);
  if (*problem != KeyProblem::none) {
    return nullptr;
  }
  const bool x_padded = x.pad(crypto::ec_bytes(type));
  *padded = y.pad(crypto::ec_bytes(type)) || x_padded;
  return crypto::make_ec_key(type, x.bytes(), y.bytes(), problem);
}

KeyPointer make_rsa(const json::Value &jwk, KeyProblem *problem) {
  const Part n(jwk, "n");
  const Part e(jwk, "e");
  *problem = first_problem(n, e);
  return *problem == KeyProblem::none ? crypto::make_rsa_key(n.bytes(), e.bytes(), problem) : nullptr;
}

KeyPointer make_oct(const json::Value &jwk, KeyProblem *problem) {
  const Part k(jwk, "k");
  *problem = k.problem();
  return *problem == KeyProblem::none ? crypto::make_secret_key(k.bytes(), problem) : nullptr;
}

KeyPointer make_material(const json::Value &jwk, std::string_view type, bool *padded, KeyProblem *problem) {
  std::string_view curve;
  if (type == "RSA") {
    return make_rsa(jwk, problem);
  }
  if (type == "oct") {
    return make_oct(jwk, problem);
  }
  if (type != "EC" && type != "OKP") {
    *problem = KeyProblem::unknown_type;
    return nullptr;
  }
  if (!optional_string(jwk, "crv", &curve) || curve.empty()) {
    *problem = KeyProblem::missing_member;
    return nullptr;
  }
  return type == "EC" ? make_ec(jwk, curve, padded, problem) : make_okp(jwk, curve, problem);
}

// RFC 7517, sections 4.2 and 4.3: what a key says it is for must include this.
KeyProblem check_purpose(const json::Value &jwk) noexcept {
  std::string_view use = "sig";
  if (!optional_string(jwk, "use", &use)) {
    return KeyProblem::bad_member;
  }
  const json::Value *operations = find_optional(jwk, "key_ops");
  if (operations == nullptr) {
    return use == "sig" ? KeyProblem::none : KeyProblem::not_for_signatures;
  }
  if (operations->type != Type::array ||
      std::any_of(operations->items.begin(), operations->items.end(),
                  [](const json::Value &item) { return item.type != Type::string; })) {
    return KeyProblem::bad_member;
  }
  const bool verifies = std::any_of(operations->items.begin(), operations->items.end(),
                                    [](const json::Value &item) { return item.text == "verify"; });
  return use == "sig" && verifies ? KeyProblem::none : KeyProblem::not_for_signatures;
}

// A key that names an algorithm is for that one alone (RFC 7517, section 4.4).
KeyProblem narrow(const json::Value &jwk, Key *key) noexcept {
  key->algorithms = key->material->algorithms();
  if (find_optional(jwk, "alg") == nullptr) {
    return KeyProblem::none;
  }
  std::string_view name;
  crypto::Algorithm algorithm = {};
  if (!optional_string(jwk, "alg", &name)) {
    return KeyProblem::bad_member;
  }
  if (!crypto::parse_algorithm(name, &algorithm)) {
    return KeyProblem::algorithm_mismatch;
  }
  key->algorithms = key->algorithms & crypto::AlgorithmSet{algorithm};
  if (!key->algorithms.empty()) {
    return KeyProblem::none;
  }
  const bool short_secret =
      key->material->type() == KeyType::secret && !crypto::AlgorithmSet::asymmetric().has(algorithm);
  return short_secret ? KeyProblem::short_secret : KeyProblem::algorithm_mismatch;
}

}  // namespace

KeyProblem parse_jwk(const json::Value &jwk, Key *key) {
  *key = Key();
  if (jwk.type != Type::object) {
    return KeyProblem::not_an_object;
  }
  std::string_view kid;
  if (!optional_string(jwk, "kid", &kid)) {
    return KeyProblem::bad_member;
  }
  key->has_kid = find_optional(jwk, "kid") != nullptr;
  key->kid = kid;
  const json::Value *type = find_string(jwk, "kty");
  if (type == nullptr) {
    return KeyProblem::bad_member;
  }
  const KeyProblem purpose = check_purpose(jwk);
  if (purpose != KeyProblem::none) {
    return purpose;
  }
  KeyProblem problem = KeyProblem::none;
  key->material = make_material(jwk, type->text, &key->came_short, &problem);
  return key->material == nullptr ? problem : narrow(jwk, key);
}

bool is_secret_jwk(const json::Value &jwk) noexcept {
  const json::Value *type = find_string(jwk, "kty");
  return type != nullptr && type->text == "oct";
}

bool has_private_part(const json::Value &jwk) noexcept {
  constexpr std::string_view kPrivate[] = {"d", "p", "q", "dp", "dq", "qi", "oth"};
  return std::any_of(std::begin(kPrivate), std::end(kPrivate),
                     [&jwk](std::string_view name) { return jwk.find(name) != nullptr; });
}

}  // namespace keyward::jwt
