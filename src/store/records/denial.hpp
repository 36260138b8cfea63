// The denylist: tokens that are refused although their issuer's key has signed them and their time isn't over. By jti:
// one token; by subject: all that were issued until then. A record holds what is denied under one name, for one issuer
// or for all of them, so that a token costs two look-ups at most.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace keyward {

enum class DenialKind : std::uint8_t { jti = 1, subject = 2 };

inline constexpr std::size_t kMaxJtiBytes = 8192;  // no credential is longer
inline constexpr std::size_t kMaxDenialIssuers = 255;
// How long an entry is kept behind its end: a clock that ran ahead for a while forgets nothing.
inline constexpr std::int64_t kDenialGraceS = 86400;

// Times are Unix seconds.
struct DenialEntry {
  std::string issuer;             // the name of a keyward_issuer; empty: every one
  std::int64_t not_before_s = 0;  // by subject: tokens issued then or earlier are refused; by jti: 0
  std::int64_t until_s = 0;       // what is denied has ended by itself then; 0: never
  std::int64_t denied_at_s = 0;
};
struct DenialRecord {
  DenialKind kind = DenialKind::jti;
  std::string name;                  // the jti or the subject
  std::vector<DenialEntry> entries;  // in order of issuer, one for each; at least one
};

// What a token is asked about; see CredentialReader::find_token_denial().
struct TokenDenial {
  bool denied = false;            // this jti
  std::int64_t not_before_s = 0;  // tokens of this subject issued then or earlier are refused; 0: none are

  // leeway_s: of the issuer; its clock may be ahead by that, so a token issued within it after the denial is refused,
  // too.
  bool refuses(bool has_issued_at, std::int64_t issued_at_s, std::int64_t leeway_s) const noexcept {
    return denied || (not_before_s != 0 &&
                      (!has_issued_at || issued_at_s <= not_before_s || issued_at_s - not_before_s <= leeway_s));
  }
};

// The record's key in the table: its kind and the first 16 bytes of SHA-256(name).
using DenialKey = Bytes<17>;
DenialKey denial_key(DenialKind kind, std::string_view name) noexcept;
std::string encode(const DenialRecord &record);
// false for anything that encode() would not have written.
bool decode(std::string_view content, DenialRecord *record);
// Adds what it denies of a token of this issuer at now_s to *denial. false: not a record of this kind and name. Copies
// nothing.
bool apply_denial(std::string_view content, DenialKind kind, std::string_view name, std::string_view issuer,
                  std::int64_t now_s, TokenDenial *denial) noexcept;

// Takes another entry in; of two for one issuer, what is stricter in either. false: no room for one issuer more.
bool merge(DenialRecord *record, const DenialEntry &entry);
// Whether they refuse the same tokens, whenever each was written.
bool denies_the_same(const DenialRecord &a, const DenialRecord &b) noexcept;
// Whether every entry has ended, and a grace after that.
bool is_over(const DenialRecord &record, std::int64_t now_s) noexcept;

}  // namespace keyward
