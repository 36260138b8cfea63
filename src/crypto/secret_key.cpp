// HMAC (RFC 2104) over OpenSSL's SHA-2: the states after the padded key are kept, so that a token costs two copies of
// them and no memory.
#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/sha.h>

#include <array>

#include "base/digest.hpp"
#include "crypto/hash.hpp"
#include "crypto/verification_key.hpp"

namespace keyward::crypto {

namespace {

struct Sha256Traits {
  using Context = SHA256_CTX;
  static constexpr std::size_t kBlock = SHA256_CBLOCK;
  static constexpr Hash kHash = Hash::sha256;
  static void init(Context *context) noexcept { SHA256_Init(context); }
  static void update(Context *context, const void *data, std::size_t size) noexcept {
    SHA256_Update(context, data, size);
  }
  static void final(Context *context, std::uint8_t *out) noexcept { SHA256_Final(out, context); }
};

struct Sha512Traits {
  using Context = SHA512_CTX;
  static constexpr std::size_t kBlock = SHA512_CBLOCK;
  static constexpr Hash kHash = Hash::sha512;
  static void init(Context *context) noexcept { SHA512_Init(context); }
  static void update(Context *context, const void *data, std::size_t size) noexcept {
    SHA512_Update(context, data, size);
  }
  static void final(Context *context, std::uint8_t *out) noexcept { SHA512_Final(out, context); }
};

struct Sha384Traits : Sha512Traits {
  static constexpr Hash kHash = Hash::sha384;
  static void init(Context *context) noexcept { SHA384_Init(context); }
};

template <typename Traits>
class Hmac {
 public:
  explicit Hmac(std::string_view secret) noexcept {
    HashValue hashed = {};
    if (secret.size() > Traits::kBlock) {
      hashed = hash(Traits::kHash, secret);
      secret = {reinterpret_cast<const char *>(hashed.bytes.data()), hashed.size};
    }
    name_ = name_of(secret);
    start(&inner_, secret, 0x36);
    start(&outer_, secret, 0x5c);
    wipe(&hashed, sizeof(hashed));
  }

  // Two secrets of one name are the same key.
  const Digest &name() const noexcept { return name_; }

  bool matches(std::string_view text, std::string_view tag) const noexcept {
    HashValue value = {};
    typename Traits::Context context = inner_;
    Traits::update(&context, text.data(), text.size());
    Traits::final(&context, value.bytes.data());
    const std::size_t size = hash_size();
    context = outer_;
    Traits::update(&context, value.bytes.data(), size);
    Traits::final(&context, value.bytes.data());
    const bool equal = tag.size() == size && equal_constant_time(tag.data(), value.bytes.data(), size);
    wipe(&value, sizeof(value));  // the right tag for a text that the client chose
    wipe(&context, sizeof(context));
    return equal;
  }

 private:
  static constexpr std::size_t hash_size() noexcept {
    return Traits::kHash == Hash::sha256   ? SHA256_DIGEST_LENGTH
           : Traits::kHash == Hash::sha384 ? SHA384_DIGEST_LENGTH
                                           : SHA512_DIGEST_LENGTH;
  }

  // A key that is shorter than a block is filled up with zeros (RFC 2104, section 2).
  static Digest name_of(std::string_view key) noexcept {
    while (!key.empty() && key.back() == '\0') {
      key.remove_suffix(1);
    }
    return locator_of(sha256(key));
  }

  static void start(typename Traits::Context *context, std::string_view secret, std::uint8_t pad) noexcept {
    std::array<std::uint8_t, Traits::kBlock> block = {};
    for (std::size_t i = 0; i < block.size(); ++i) {
      const unsigned byte = i < secret.size() ? static_cast<unsigned char>(secret[i]) : 0U;
      block[i] = static_cast<std::uint8_t>(byte ^ pad);
    }
    Traits::init(context);
    Traits::update(context, block.data(), block.size());
    wipe(block.data(), block.size());
  }

  Digest name_;
  typename Traits::Context inner_;
  typename Traits::Context outer_;
};

struct Hmacs {
  explicit Hmacs(std::string_view secret) noexcept : hs256(secret), hs384(secret), hs512(secret) {}
  Hmac<Sha256Traits> hs256;
  Hmac<Sha384Traits> hs384;
  Hmac<Sha512Traits> hs512;
};

class SecretKey final : public VerificationKey {
 public:
  explicit SecretKey(std::string_view secret)
      : VerificationKey(KeyType::secret, algorithms_of(KeyType::secret, secret.size()), {secret}), hmacs_(secret) {}
  ~SecretKey() override { wipe(&hmacs_, sizeof(hmacs_)); }
  SecretKey(const SecretKey &) = delete;
  SecretKey &operator=(const SecretKey &) = delete;

  bool shares_with(const VerificationKey &other) const noexcept override {
    if (other.type() != KeyType::secret) {
      return false;
    }
    const Hmacs &others = static_cast<const SecretKey &>(other).hmacs_;
    return hmacs_.hs256.name() == others.hs256.name() || hmacs_.hs384.name() == others.hs384.name() ||
           hmacs_.hs512.name() == others.hs512.name();
  }

 private:
  Match check(Algorithm algorithm, std::string_view text, std::string_view signature) const noexcept override {
    const bool good = algorithm == Algorithm::hs256   ? hmacs_.hs256.matches(text, signature)
                      : algorithm == Algorithm::hs384 ? hmacs_.hs384.matches(text, signature)
                      : algorithm == Algorithm::hs512 ? hmacs_.hs512.matches(text, signature)
                                                      : false;
    return good ? Match::yes : Match::no;
  }

  Hmacs hmacs_;
};

}  // namespace

KeyPointer make_secret_key(std::string_view secret, KeyProblem *problem) {
  if (secret.size() < kMinSecretBytes) {
    *problem = KeyProblem::short_secret;
    return nullptr;
  }
  return std::make_shared<const SecretKey>(secret);
}

}  // namespace keyward::crypto
