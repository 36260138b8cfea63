// Minting and hashing.
#include "keys/mint.hpp"

#include <sys/time.h>

#include "base/digest.hpp"

namespace keyward::keys {
namespace {

constexpr std::string_view kIdPrefix = "key_";

}  // namespace

bool is_possible(const Minting &minting) noexcept {
  return minting.verifier.kind != VerifierKind::bcrypt || minting.format.length() <= kMaxBcryptKeyBytes;
}

void follow(const KeyRecord &old, Minting *minting) noexcept {
  const VerifierKind kind = old.verifier_kind;
  if (kind == VerifierKind::sha256 || kind == VerifierKind::sha512 || kind == VerifierKind::hmac_sha256) {
    minting->verifier.kind = VerifierKind::sha256;
  }
}

bool mint(const Minting &minting, MintedKey *minted) {
  minted->text = Secret(minting.format.mint());
  const auto key = minted->text.view();
  const auto sha = sha256(key);
  KeyRecord &record = minted->record;
  record = {};
  record.id = new_key_id();
  record.indexed = true;
  record.locator = locator_of(sha);
  record.verifier_kind = minting.verifier.kind;
  record.verifier = minting.verifier.kind == VerifierKind::sha256 ? std::string(view_of(sha))
                                                                  : bcrypt_hash(key, minting.verifier.cost);
  record.preview = preview_of(key, minting.format.prefix);
  return !record.verifier.empty();
}

std::string new_key_id() {
  timeval now = {};
  gettimeofday(&now, nullptr);
  return new_id(kIdPrefix, static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_usec / 1000);
}

bool is_minted_id(std::string_view id) noexcept {
  return id.size() == kIdPrefix.size() + kNewIdDigits && id.substr(0, kIdPrefix.size()) == kIdPrefix;
}

}  // namespace keyward::keys
