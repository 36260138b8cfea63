// The keys of one issuer: a JWK set (RFC 7517), one PEM key, or one secret.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/verification_key.hpp"
#include "jwt/cause.hpp"
#include "jwt/jws.hpp"

namespace keyward::jwt {

inline constexpr std::size_t kMaxKeySetBytes = 1 << 20;
inline constexpr std::size_t kMaxKeys = 128;
inline constexpr std::size_t kMaxKeySetValues =
    32768;  // each worker reads it, and a value takes far more memory than text
// How many keys one token is tried with, for each issuer: an ES384 or ES512 signature takes more than half a
// millisecond.
inline constexpr std::size_t kMaxTries = 16;

struct Key {
  bool has_kid = false;
  std::string kid;
  crypto::AlgorithmSet algorithms;      // what its material allows, as far as its own alg does
  bool came_with_private_part = false;  // in the file; it isn't kept
  bool came_short = false;              // its coordinates had leading zeros left out
  crypto::KeyPointer material;
};

// Immutable once filled: any number of threads may verify with it.
class KeySet {
 public:
  void add(Key key) { keys_.push_back(std::move(key)); }
  std::size_t size() const noexcept { return keys_.size(); }
  const std::vector<Key> &keys() const noexcept { return keys_; }

  // Whether a key of this id is in the set.
  bool has(const Digest &id) const noexcept;
  // Whether it has a key that is the same to whoever signs with it; whether both have one: then their issuers have to
  // differ (issuer.hpp).
  bool shares(const crypto::VerificationKey &key) const noexcept;
  bool shares_keys_with(const KeySet &other) const noexcept;

  bool has_kid(std::string_view kid) const noexcept;

  // Whether it is all that was published: keys beyond kMaxKeys were left out.
  bool is_whole() const noexcept { return !cut_; }
  void set_cut() noexcept { cut_ = true; }

  // Which key signed it: one of those with the header's kid, else of those without any; of all, if the header has none.
  // Of these the ones that may use the header's algorithm (and allowed has it) are tried in the set's order.
  // Cause::none with the key's id; unknown_key: none is meant; algorithm_not_allowed: none of those that are;
  // bad_signature; too_many_keys: it isn't by the first kMaxTries, and there are more; crypto_failure.
  Cause verify(const Jws &jws, crypto::AlgorithmSet allowed, Digest *id) const noexcept;
  // About how long that takes at most, in microseconds; 0: no key is tried.
  std::uint32_t cost_us(const Header &header, crypto::AlgorithmSet allowed) const noexcept;

 private:
  std::vector<Key> keys_;
  bool cut_ = false;
};

// One key of a set that can't be used; the others can.
struct KeyRefusal {
  std::size_t index = 0;  // in "keys", from 0
  std::string kid;        // as it was written, if it may be shown (visible ASCII, 128 bytes); else empty
  crypto::KeyProblem problem = crypto::KeyProblem::none;
};

// Where a set comes from: one that was fetched must hold public keys only.
enum class KeySource { fetched, file };

// Parses a JWK set, or one JWK by itself where it comes from a file. False, with a sentence in error, if it is no such
// thing or holds no key that can be used: the set that was there before stays. refusals names the keys that were left
// out, in either case. Secrets ("oct") are taken from a file that holds nothing else.
bool parse_key_set(std::string_view text, KeySource source, KeySet *set, std::vector<KeyRefusal> *refusals,
                   std::string *error);

// Sets of one key, without a kid: it fits whatever kid a token has.
bool parse_public_key(std::string_view pem, KeySet *set, crypto::KeyProblem *problem);
// How a file has an HMAC secret. As it is: any bytes. The final line break of a text (bytes 0x20 to 0x7e) is not part of
// it, in whichever form.
enum class SecretForm { as_is, base64url, hex };
bool parse_secret(std::string_view bytes, SecretForm form, KeySet *set, crypto::KeyProblem *problem);

}  // namespace keyward::jwt
