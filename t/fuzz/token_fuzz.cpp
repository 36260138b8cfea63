// Whole tokens: one that is accepted isn't without the last character of its signature, nor after it has expired.
#include "fuzz.hpp"
#include "issuers.hpp"

using namespace keyward;

int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  const std::string_view token = fuzz::text_of(data, size);
  const auto &accepted = fuzz::issuers().accepted;
  const jwt::Verdict verdict = jwt::verify_token(accepted, token, fuzz::kNow);
  const bool awaits = verdict.outcome == jwt::Outcome::unknown_key || verdict.outcome == jwt::Outcome::keys_unavailable;
  fuzz::must(awaits == !verdict.awaited.empty());
  fuzz::must(verdict.outcome != jwt::Outcome::internal_error);
  if (verdict.outcome == jwt::Outcome::accepted) {
    fuzz::must(accepted.at(verdict.issuer).keys->has(verdict.key) && fuzz::kNow < verdict.times.valid_until_s);
    const std::string_view cut = token.substr(0, token.size() - 1);
    fuzz::must(jwt::verify_token(accepted, cut, fuzz::kNow).outcome != jwt::Outcome::accepted);
    const jwt::Verdict late = jwt::verify_token(accepted, token, verdict.times.valid_until_s);
    fuzz::must(late.outcome == jwt::Outcome::expired_token);
  }
  return 0;
}
