// JWK sets and PEM keys: a fetched set has no secret, and no key is without an algorithm or verifies what it didn't
// sign.
#include "fuzz.hpp"
#include "issuers.hpp"

using namespace keyward;

namespace {

void look_at(const jwt::KeySet &set, bool fetched) {
  fuzz::must(set.size() > 0 && set.size() <= jwt::kMaxKeys);
  for (const jwt::Key &key : set.keys()) {
    fuzz::must(!key.algorithms.empty() && set.has(key.material->id()));
    fuzz::must(!fetched || key.material->type() != crypto::KeyType::secret);
    for (const auto algorithm : {crypto::Algorithm::eddsa, crypto::Algorithm::es256, crypto::Algorithm::hs256}) {
      fuzz::must(key.material->verify(algorithm, "text", std::string(64, '\x01')) == crypto::Match::no);
    }
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  init_crypto();
  const std::string_view text = fuzz::text_of(data, size);
  for (const auto source : {jwt::KeySource::fetched, jwt::KeySource::file}) {
    jwt::KeySet set;
    std::vector<jwt::KeyRefusal> refusals;
    std::string error;
    if (jwt::parse_key_set(text, source, &set, &refusals, &error)) {
      look_at(set, source == jwt::KeySource::fetched);
    } else {
      fuzz::must(!error.empty() && set.size() == 0);
    }
  }
  jwt::KeySet set;
  crypto::KeyProblem problem = crypto::KeyProblem::none;
  const bool made = jwt::parse_public_key(text, &set, &problem);
  fuzz::must(made == (problem == crypto::KeyProblem::none) && problem != crypto::KeyProblem::crypto_failure);
  if (made) {
    look_at(set, true);
  }
  return 0;
}
