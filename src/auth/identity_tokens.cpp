// A small table by the principal's address: what is pushed out is made again.
#include "auth/identity_tokens.hpp"

namespace keyward {
namespace {

constexpr std::size_t kEntries = 1024;
constexpr std::int64_t kKeptSeconds = jwt::kIdentityTokenSeconds / 2;

std::size_t place_of(const Principal *principal) noexcept {
  constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15;
  static_assert(kEntries == 1U << 10);
  return static_cast<std::size_t>(reinterpret_cast<std::uintptr_t>(principal) * kGolden >> 54);
}

bool is_same(const std::weak_ptr<const Principal> &one, const std::shared_ptr<const Principal> &other) noexcept {
  return !one.owner_before(other) && !other.owner_before(one);
}

}  // namespace

std::string_view IdentityTokens::find(const jwt::IdentitySigner &signer, Kind kind,
                                      const std::shared_ptr<const Principal> &principal, std::int64_t now_s) {
  if (entries_.empty()) {
    entries_.resize(kEntries);
  }
  Entry &entry = entries_[place_of(principal.get())];
  const bool is_fresh = now_s >= entry.made_at_s && now_s < entry.made_at_s + kKeptSeconds;
  if (is_fresh && entry.signer == &signer && entry.kind == kind && is_same(entry.whose, principal)) {
    return entry.token;
  }
  jwt::IdentityClaims claims;
  claims.kind = to_text(kind);
  if (principal != nullptr) {
    claims.subject = principal->subject;
    claims.key_id = principal->key_id;
    claims.plan = principal->plan;
    claims.scopes = principal->grants.text();
    claims.issuer = principal->issuer;
  }
  entry.signer = nullptr;
  entry.token = signer.sign(claims, now_s);
  entry.whose = principal;
  entry.kind = kind;
  entry.made_at_s = now_s;
  entry.signer = &signer;
  return entry.token;
}

}  // namespace keyward
