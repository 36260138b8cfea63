// The cascade D(D(table's key, record's key), content): a key of its own for every record, so no boundary can be moved.
#include "store/environment/seal.hpp"

#include <cstring>

namespace keyward {

namespace {

DigestKey derived_key(const Bytes<kSecretBytes> &secret, std::string_view label, std::uint8_t number) noexcept {
  char input[kSecretBytes + 32];
  std::memcpy(input, secret.data(), secret.size());
  std::memcpy(input + kSecretBytes, label.data(), label.size());
  input[kSecretBytes + label.size()] = static_cast<char>(number);
  Sha256 digest = sha256({input, kSecretBytes + label.size() + 1});
  const DigestKey key = locator_of(digest);
  wipe(input, sizeof(input));
  wipe(digest.data(), digest.size());
  return key;
}

// Without a branch on what differs; in line, as every look-up asks twice.
bool equal(const Digest &tag, const char *stored) noexcept {
  std::uint64_t a[2], b[2];
  static_assert(sizeof(a) == sizeof(tag));
  std::memcpy(a, tag.data(), sizeof(a));
  std::memcpy(b, stored, sizeof(b));
  return ((a[0] ^ b[0]) | (a[1] ^ b[1])) == 0;
}

}  // namespace

Seal::Seal(const Bytes<kSecretBytes> &secret) noexcept {
  for (std::size_t table = 0; table < table_keys_.size(); ++table) {
    table_keys_[table] = derived_key(secret, "keyward table ", static_cast<std::uint8_t>(table));
  }
  usage_key_ = derived_key(secret, "keyward usage name ", 0);
  window_key_ = derived_key(secret, "keyward window name ", 0);
}

Digest Seal::tag(Table table, std::string_view key, std::string_view content) const noexcept {
  return keyed_digest(table_keys_[static_cast<std::size_t>(table)], key, content);
}

std::string Seal::sealed(Table table, std::string_view key, std::string_view content) const {
  std::string value;
  value.reserve(content.size() + kSealBytes);
  value.append(content);
  value.append(view_of(tag(table, key, content)));
  return value;
}

bool Seal::open(Table table, std::string_view key, std::string_view stored, std::string_view *content,
                Digest *found) const noexcept {
  if (stored.size() < kSealBytes) {
    return false;
  }
  *content = stored.substr(0, stored.size() - kSealBytes);
  const Digest expected = tag(table, key, *content);
  if (!equal(expected, stored.data() + content->size())) {
    return false;
  }
  if (found != nullptr) {
    *found = expected;
  }
  return true;
}

Digest Seal::usage_name(std::string_view id) const noexcept { return keyed_digest(usage_key_, id); }

}  // namespace keyward
