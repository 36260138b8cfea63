// Pending keys: a login elsewhere has made them, and only whoever began it can activate them (RFC 7636).
#pragma once

#include <cstdint>
#include <string_view>

#include "keys/answer.hpp"

namespace keyward::keys {

// BASE64URL(SHA256(code_verifier)): 43 characters.
bool is_s256_challenge(std::string_view text) noexcept;
// RFC 7636, section 4.1: 43 to 128 unreserved characters.
bool is_code_verifier(std::string_view text) noexcept;

inline constexpr unsigned kMostWrongVerifiers = 5;  // the fifth revokes the key

struct Activation {
  bool activated = false;
  bool revoked = false;  // by this try: it was the last one, or came too late
};
// Shows a pending key its verifier. A wrong one is counted, which is a change: the answer is done then, too. wrong_state:
// it isn't pending; caller_ended: its subject is blocked.
Answer activate(WriteTxn &txn, std::string_view id, std::string_view code_verifier, std::int64_t now_s,
                Activation *activation);

// Revokes a subject's pending keys that have waited too long.
Answer end_lapsed(WriteTxn &txn, const std::string &subject, std::int64_t now_s);

}  // namespace keyward::keys
