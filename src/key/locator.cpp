// Locators of all kinds.
#include "key/locator.hpp"

#include <cstring>
#include <string>

#include "base/digest.hpp"

namespace keyward {

namespace {

constexpr std::size_t kDigestBytes = std::tuple_size_v<Locator>;
constexpr LocatorKind kKinds[] = {LocatorKind::sha256, LocatorKind::sha512, LocatorKind::hmac_sha256};

}  // namespace

std::string_view to_text(LocatorKind kind) noexcept {
  switch (kind) {
    case LocatorKind::sha256:
      return "sha256";
    case LocatorKind::sha512:
      return "sha512";
    case LocatorKind::hmac_sha256:
      return "hmac_sha256";
  }
  return "unknown";
}

bool parse_locator_kind(std::string_view text, LocatorKind *kind) noexcept {
  for (const LocatorKind each : kKinds) {
    if (to_text(each) == text) {
      *kind = each;
      return true;
    }
  }
  return false;
}

Locator locator_of(LocatorKind kind, std::string_view digest) noexcept {
  Locator locator = {};
  if (kind == LocatorKind::sha256) {
    std::memcpy(locator.data(), digest.data(), locator.size());
    return locator;
  }
  constexpr std::string_view kNames = "keyward locator ";
  char named[kNames.size() + 1 + kDigestBytes];
  std::memcpy(named, kNames.data(), kNames.size());
  named[kNames.size()] = static_cast<char>(kind);
  std::memcpy(named + kNames.size() + 1, digest.data(), kDigestBytes);
  return locator_of(sha256({named, sizeof(named)}));
}

}  // namespace keyward
