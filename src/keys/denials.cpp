// The denylist.
#include "keys/denials.hpp"

#include <algorithm>
#include <limits>

#include "base/text_rules.hpp"

namespace keyward::keys {
namespace {

// What is denied of these tokens at a time; nothing, should the store not answer.
TokenDenial denial_at(CredentialReader &reader, const DenialRequest &request, std::int64_t at_s) {
  const bool by_jti = request.kind == DenialKind::jti;
  TokenDenial denial;
  reader.find_token_denial(request.issuer, by_jti ? std::string_view() : request.name,
                           by_jti ? request.name : std::string_view(), at_s, &denial);
  return denial;
}

}  // namespace

Answer deny_tokens(WriteTxn &txn, const DenialRequest &request, DenialEntry *entry) {
  const bool by_jti = request.kind == DenialKind::jti;
  const bool is_name = by_jti ? !request.name.empty() && request.name.size() <= kMaxJtiBytes : is_subject(request.name);
  if (!is_name) {
    return Result::invalid;
  }
  if (request.until_s != 0 && request.until_s <= request.now_s) {
    return Result::past_expiry;
  }
  entry->issuer = request.issuer;
  entry->until_s = request.until_s;
  entry->denied_at_s = request.now_s;
  entry->not_before_s = by_jti ? 0 : request.now_s;
  return txn.deny_token(request.kind, request.name, *entry, request.now_s);
}

DenialEntry denial_in_effect(CredentialReader &reader, const DenialRequest &request, const DenialEntry &asked) {
  DenialEntry entry = asked;
  const Snapshot snapshot(reader);
  entry.not_before_s = std::max(entry.not_before_s, denial_at(reader, request, entry.denied_at_s).not_before_s);
  const auto is_refused = [&](std::int64_t at_s) {
    const TokenDenial denial = denial_at(reader, request, at_s);
    return request.kind == DenialKind::jti ? denial.denied : denial.not_before_s >= entry.not_before_s;
  };
  std::int64_t ends_s = std::numeric_limits<std::int64_t>::max();
  if (entry.until_s == 0 || !is_refused(entry.until_s)) {
    return entry;
  }
  if (is_refused(ends_s)) {
    entry.until_s = 0;
    return entry;
  }
  // The first moment at which they aren't refused: entries end, and none begins.
  for (std::int64_t refused_s = entry.until_s; ends_s - refused_s > 1;) {
    const std::int64_t middle_s = refused_s + (ends_s - refused_s) / 2;
    (is_refused(middle_s) ? refused_s : ends_s) = middle_s;
  }
  entry.until_s = ends_s;
  return entry;
}

}  // namespace keyward::keys
