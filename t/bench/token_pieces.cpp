// What a first-seen token costs beside its signature alone, and a remembered one: for each algorithm, by Google
// Benchmark.
#define OPENSSL_SUPPRESS_DEPRECATED

#include <benchmark/benchmark.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <sodium.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auth/token_cache.hpp"
#include "auth/verified_token.hpp"
#include "jwt/verify.hpp"
#include "jwt_signer.hpp"

namespace keyward {
namespace {

using crypto::Algorithm;
using test::bytes_of;
using test::need;
using test::Signer;

constexpr std::int64_t kNow_s = 1'800'000'000;
constexpr std::string_view kClaims =
    R"({"iss":"https://auth.example.com","sub":"user_8f14e45fceea167a","aud":"api","iat":1799999900,"exp":1800000800,)"
    R"("jti":"0b0e2a1c-8f6d-4b7a-9a57-5d1f0c2f9c11","scope":"posts:read posts:write"})";

// Each made when it is first wanted: RSA keys take long to make.
const Signer &signer_of(Algorithm algorithm) {
  static std::map<crypto::KeyType, Signer> signers;
  const auto pair = std::find_if(std::begin(test::kEveryAlgorithm), std::end(test::kEveryAlgorithm),
                                 [algorithm](const auto &one) { return one.algorithm == algorithm; });
  const auto found = signers.find(pair->type);
  return found != signers.end()
             ? found->second
             : signers
                   .emplace(pair->type, pair->type == crypto::KeyType::secret ? Signer::secret(std::string(64, 's'))
                                                                              : Signer::make(pair->type))
                   .first->second;
}

std::string token_of(Algorithm algorithm) {
  return signer_of(algorithm).token(algorithm, kClaims, R"(,"typ":"JWT","kid":"2026-11")");
}

// A token in the form that a library wants to have it: what is signed, and the signature's bytes.
struct Parts {
  explicit Parts(const std::string &token) {
    const std::size_t dot = token.rfind('.');
    text = token.substr(0, dot);
    need(from_base64url(std::string_view(token).substr(dot + 1), &signature));
  }
  std::string text;
  std::string signature;
};

// The least that a library needs for it, everything prepared and nothing else done: neither parsed nor decoded.
void signature_alone(benchmark::State &state, Algorithm algorithm) {
  const Signer &signer = signer_of(algorithm);
  const Parts parts(token_of(algorithm));
  const std::string_view name = crypto::to_text(algorithm);
  const EVP_MD *digest = Signer::digest_of(algorithm);
  unsigned char hash[EVP_MAX_MD_SIZE];
  if (algorithm == Algorithm::eddsa) {
    const std::string point = signer.ed25519_point();
    for (auto _ : state) {
      need(crypto_sign_verify_detached(bytes_of(parts.signature), bytes_of(parts.text), parts.text.size(),
                                       bytes_of(point)) == 0);
    }
    return;
  }
  if (name.substr(0, 2) == "HS") {
    const std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr), EVP_MAC_free);
    const std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)> context(EVP_MAC_CTX_new(mac.get()),
                                                                            EVP_MAC_CTX_free);
    std::string hash_name(EVP_MD_get0_name(digest));
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", hash_name.data(), 0),
                                 OSSL_PARAM_construct_end()};
    const std::string secret = signer.secret_bytes();
    need(EVP_MAC_init(context.get(), bytes_of(secret), secret.size(), params) == 1);
    std::size_t size = 0;
    for (auto _ : state) {
      need(EVP_MAC_init(context.get(), nullptr, 0, nullptr) == 1 &&
           EVP_MAC_update(context.get(), bytes_of(parts.text), parts.text.size()) == 1 &&
           EVP_MAC_final(context.get(), hash, &size, sizeof(hash)) == 1 &&
           CRYPTO_memcmp(hash, parts.signature.data(), size) == 0);
    }
    return;
  }
  test::SignOptions der;
  der.der = true;
  const std::string signature = signer.sign(algorithm, parts.text, der);
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(EVP_PKEY_CTX_new(signer.key(), nullptr),
                                                                            EVP_PKEY_CTX_free);
  need(EVP_PKEY_verify_init(context.get()) == 1);
  if (signer.type() == crypto::KeyType::rsa) {
    const bool pss = name.substr(0, 2) == "PS";
    need(EVP_PKEY_CTX_set_rsa_padding(context.get(), pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) == 1 &&
         EVP_PKEY_CTX_set_signature_md(context.get(), digest) == 1 &&
         (!pss || EVP_PKEY_CTX_set_rsa_pss_saltlen(context.get(), RSA_PSS_SALTLEN_DIGEST) == 1));
  }
  const bool is_256 = EVP_MD_get_size(digest) == SHA256_DIGEST_LENGTH;
  const auto size = static_cast<std::size_t>(EVP_MD_get_size(digest));
  for (auto _ : state) {
    if (is_256) {
      SHA256(bytes_of(parts.text), parts.text.size(), hash);
    } else if (size == SHA384_DIGEST_LENGTH) {
      SHA384(bytes_of(parts.text), parts.text.size(), hash);
    } else {
      SHA512(bytes_of(parts.text), parts.text.size(), hash);
    }
    need(EVP_PKEY_verify(context.get(), bytes_of(signature), signature.size(), hash, size) == 1);
  }
}

// The other way to verify EdDSA: see crypto/ed25519_key.cpp.
void ed25519_by_openssl(benchmark::State &state) {
  const Signer &signer = signer_of(Algorithm::eddsa);
  const Parts parts(token_of(Algorithm::eddsa));
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  for (auto _ : state) {
    need(EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, signer.key()) == 1 &&
         EVP_DigestVerify(context.get(), bytes_of(parts.signature), parts.signature.size(), bytes_of(parts.text),
                          parts.text.size()) == 1);
  }
}
BENCHMARK(ed25519_by_openssl);

// What the module does with a token that it doesn't remember, until it does: found missing, parsed, verified, judged,
// kept.
void token_first_seen(benchmark::State &state, Algorithm algorithm) {
  const Signer &signer = signer_of(algorithm);
  const std::string token = token_of(algorithm);
  jwt::KeySet keys;
  std::vector<jwt::KeyRefusal> refusals;
  std::string error;
  need(jwt::parse_key_set("{\"keys\":[" + signer.jwk(R"("kid":"2026-11")") + "]}", jwt::KeySource::file, &keys,
                          &refusals, &error));
  jwt::Issuer issuer;
  issuer.name = "auth";
  issuer.issuers = {"https://auth.example.com"};
  issuer.audiences = {"api"};
  TokenCache cache(8192, 32U << 20);
  std::uint64_t round = 0;
  for (auto _ : state) {
    ++round;  // another state of the key sets: nothing is remembered
    const Digest name = cache.name_of(token);
    need(cache.find(name, &issuer, round, kNow_s) == nullptr);
    jwt::Verdict verdict = jwt::verify_token({{&issuer, &keys}}, token, kNow_s);
    need(verdict.outcome == jwt::Outcome::accepted);
    auto verified = std::make_shared<VerifiedToken>(verified_token(0, issuer, {}, std::move(verdict)));
    benchmark::DoNotOptimize(cache.put(name, &issuer, round, kNow_s, std::move(verified)));
  }
}

void token_remembered(benchmark::State &state) {
  const std::string token = token_of(Algorithm::eddsa);
  TokenCache cache(8192, 32U << 20);
  auto verified = std::make_shared<VerifiedToken>();
  verified->times.valid_until_s = kNow_s + 900;
  const int accepted = 0;
  cache.put(cache.name_of(token), &accepted, 1, kNow_s, std::move(verified));
  for (auto _ : state) {
    benchmark::DoNotOptimize(cache.find(cache.name_of(token), &accepted, 1, kNow_s));
  }
}
BENCHMARK(token_remembered);

[[maybe_unused]] const bool registered = [] {
  for (const test::AlgorithmOfKey &pair : test::kEveryAlgorithm) {
    const std::string name(crypto::to_text(pair.algorithm));
    benchmark::RegisterBenchmark(("signature_alone/" + name).c_str(), signature_alone, pair.algorithm);
    benchmark::RegisterBenchmark(("token_first_seen/" + name).c_str(), token_first_seen, pair.algorithm);
  }
  return true;
}();

}  // namespace
}  // namespace keyward
