// A pending key's way to active, or to its end.
#include "keys/activate.hpp"

#include <string>
#include <vector>

#include "base/base64url.hpp"
#include "base/digest.hpp"
#include "base/text_rules.hpp"
#include "keys/key_state.hpp"
#include "keys/subjects.hpp"

namespace keyward::keys {
namespace {

constexpr std::size_t kChallengeLength = 43;
constexpr std::size_t kMinVerifierLength = 43, kMaxVerifierLength = 128;

bool answers(std::string_view code_verifier, std::string_view challenge) {
  const std::string answer = to_base64url(view_of(sha256(code_verifier)));
  return is_code_verifier(code_verifier) && answer.size() == challenge.size() &&
         equal_constant_time(answer.data(), challenge.data(), answer.size());
}

Answer revoke(WriteTxn &txn, std::int64_t now_s, KeyRecord *key) {
  key->state = KeyState::revoked;
  key->changed_at_s = now_s;
  return txn.replace_key(*key);
}

}  // namespace

bool is_s256_challenge(std::string_view text) noexcept {
  Sha256 digest;
  static_assert(base64url_capacity(kChallengeLength) == sizeof(digest));
  return text.size() == kChallengeLength && from_base64url(text, digest.data());
}

bool is_code_verifier(std::string_view text) noexcept {
  return text.size() >= kMinVerifierLength && text.size() <= kMaxVerifierLength && is_pkce_challenge(text);
}

Answer activate(WriteTxn &txn, std::string_view id, std::string_view code_verifier, std::int64_t now_s,
                Activation *activation) {
  *activation = {};
  KeyRecord key;
  Answer answer = txn.get_key(id, &key);
  if (!answer.ok() || key.state != KeyState::pending || has_ended(key, now_s)) {
    return answer.ok() ? Answer(Result::wrong_state) : answer;
  }
  if (!key.subject.empty()) {
    SubjectRecord subject;
    StoreStatus status = txn.get_subject(key.subject, &subject);
    if (!status.ok() && status.code != StoreCode::not_found) {
      return status;
    }
    if (status.ok() && subject.state == SubjectState::blocked) {
      return Result::caller_ended;
    }
  }
  if (has_lapsed(key, now_s)) {
    activation->revoked = true;
    return revoke(txn, now_s, &key);
  }
  if (!answers(code_verifier, key.pkce_challenge)) {
    ++key.pkce_tries;
    activation->revoked = key.pkce_tries >= kMostWrongVerifiers;
    return activation->revoked ? revoke(txn, now_s, &key) : Answer(txn.replace_key(key));
  }
  activation->activated = true;
  key.state = KeyState::active;
  key.pkce_challenge.clear();
  key.pkce_tries = 0;
  key.changed_at_s = now_s;
  return txn.replace_key(key);
}

Answer end_lapsed(WriteTxn &txn, const std::string &subject, std::int64_t now_s) {
  std::vector<KeyRecord> lapsed;
  Answer answer = for_each_key_of(txn, subject, [&](const KeyRecord &key) -> Answer {
    if (has_lapsed(key, now_s)) {
      lapsed.push_back(key);
    }
    return {};
  });
  for (auto key = lapsed.begin(); answer.ok() && key != lapsed.end(); ++key) {
    answer = revoke(txn, now_s, &*key);
  }
  return answer;
}

}  // namespace keyward::keys
