// Naming the claim that a cause is about.
#include "jwt/explain.hpp"

#include "base/quote.hpp"

namespace keyward::jwt {

namespace {

std::string explain_bad(NamedClaim claim) {
  switch (claim) {
    case NamedClaim::iss:
      return "its iss is not a string";
    case NamedClaim::aud:
      return "its aud is neither a string nor an array of strings";
    case NamedClaim::jti:
      return "its jti is not a string, or holds a NUL; a number is none";
    case NamedClaim::exp:
      return "its exp is not a number of seconds";
    case NamedClaim::nbf:
      return "its nbf is not a number of seconds";
    case NamedClaim::iat:
      return "its iat is not a number of seconds";
    case NamedClaim::none:
      break;
  }
  return {};
}

// "its subject claim is ..." becomes "its subject claim \"user_id\" is ...".
std::string with_name(std::string_view words, std::string_view after, const ClaimPath &claim) {
  std::string text(words);
  const std::size_t at = text.find(after);
  return at == std::string::npos ? text : text.insert(at + after.size(), ' ' + quote(claim.text()));
}

}  // namespace

std::string explain(Finding finding, const Issuer *issuer) {
  const std::string_view words = to_text(finding.cause);
  switch (finding.cause) {
    case Cause::bad_claim:
    case Cause::bad_time:
      return finding.claim != NamedClaim::none ? explain_bad(finding.claim) : std::string(words);
    case Cause::numeric_subject:
    case Cause::unfit_number:
    case Cause::bad_subject:
      return issuer != nullptr ? with_name(words, "subject claim", issuer->subject_claim) : std::string(words);
    case Cause::bad_plan:
      return issuer != nullptr ? with_name(words, "plan claim", issuer->plan_claim) : std::string(words);
    default:
      return std::string(words);
  }
}

}  // namespace keyward::jwt
