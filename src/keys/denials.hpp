// Refusing tokens that have not expired.
#pragma once

#include <cstdint>
#include <string>

#include "keys/answer.hpp"

namespace keyward::keys {

struct DenialRequest {
  DenialKind kind = DenialKind::jti;
  std::string name;          // the jti, or the subject, whose tokens until now are meant
  std::string issuer;        // empty: every one
  std::int64_t until_s = 0;  // when it may be forgotten; 0: never
  std::int64_t now_s = 0;
};
// *entry: what was asked for, as it is in the store.
Answer deny_tokens(WriteTxn &txn, const DenialRequest &request, DenialEntry *entry);

// What holds now of these tokens, which may be more than what was asked for: an earlier entry, or one for every issuer,
// may refuse the same tokens for longer, or more of them. Should the store not answer, it is what was asked for, which
// holds in any case.
DenialEntry denial_in_effect(CredentialReader &reader, const DenialRequest &request, const DenialEntry &asked);

}  // namespace keyward::keys
