// The table of reasons: what each means to a client, a log and a library.
#include "auth/reason.hpp"

#include <array>

namespace keyward {

namespace {

struct Row {
  Reason reason;
  ReasonInfo info;
};

constexpr std::string_view kUnauthorized = "unauthorized";
constexpr std::string_view kForbidden = "forbidden";
constexpr std::string_view kUnavailable = "unavailable";

// RFC 6750, section 3.1.
constexpr std::string_view kInvalidRequest = "invalid_request";
constexpr std::string_view kInvalidToken = "invalid_token";
constexpr std::string_view kInsufficientScope = "insufficient_scope";

constexpr std::string_view kBadKey = "invalid or inactive API key";
constexpr std::string_view kBadToken = "invalid token";
constexpr std::string_view kDenied = "access denied";
constexpr std::string_view kTooMany = "rate limit exceeded";
constexpr std::string_view kLater = "authentication temporarily unavailable";
constexpr std::string_view kBadBody = "invalid request body";

// In the order of the enum: name, status, code, message, bearer_error, json_rpc, grpc, fault.
constexpr std::array<Row, kReasonCount> kRows = {{
    {Reason::none, {"", 200, "", "", "", 0, 0, Fault::client}},
    {Reason::missing_credential,
     {"missing_credential", 401, kUnauthorized, "missing credentials", "", -32001, 16, Fault::client}},
    {Reason::invalid_request,
     {"invalid_request", 400, "invalid_request", "conflicting or malformed credentials", kInvalidRequest, -32600, 3,
      Fault::client}},
    {Reason::invalid_key, {"invalid_key", 401, kUnauthorized, kBadKey, kInvalidToken, -32001, 16, Fault::client}},
    {Reason::revoked_key, {"revoked_key", 401, kUnauthorized, kBadKey, kInvalidToken, -32001, 16, Fault::client}},
    {Reason::suspended_key, {"suspended_key", 401, kUnauthorized, kBadKey, kInvalidToken, -32001, 16, Fault::client}},
    {Reason::pending_key, {"pending_key", 401, kUnauthorized, kBadKey, kInvalidToken, -32001, 16, Fault::client}},
    {Reason::expired_key,
     {"expired_key", 401, kUnauthorized, "API key expired", kInvalidToken, -32001, 16, Fault::client}},
    {Reason::invalid_token, {"invalid_token", 401, kUnauthorized, kBadToken, kInvalidToken, -32001, 16, Fault::client}},
    {Reason::revoked_token, {"revoked_token", 401, kUnauthorized, kBadToken, kInvalidToken, -32001, 16, Fault::client}},
    {Reason::expired_token,
     {"expired_token", 401, kUnauthorized, "token expired", kInvalidToken, -32001, 16, Fault::client}},
    {Reason::unprovisioned,
     {"unprovisioned", 401, kUnauthorized, "user not provisioned", kInvalidToken, -32001, 16, Fault::client}},
    {Reason::insufficient_credits,
     {"insufficient_credits", 402, "payment_required", "insufficient credits", "", 402, 9, Fault::client}},
    {Reason::no_access, {"no_access", 403, kForbidden, kDenied, "", 403, 7, Fault::client}},
    {Reason::blocked_subject, {"blocked_subject", 403, kForbidden, kDenied, "", 403, 7, Fault::client}},
    {Reason::not_accepted, {"not_accepted", 403, kForbidden, kDenied, "", 403, 7, Fault::client}},
    {Reason::insufficient_scope,
     {"insufficient_scope", 403, kForbidden, "insufficient scope", kInsufficientScope, 403, 7, Fault::client}},
    {Reason::method_not_covered,
     {"method_not_covered", 403, kForbidden, "insufficient scope", kInsufficientScope, 403, 7, Fault::client}},
    {Reason::cross_site, {"cross_site", 403, kForbidden, "cross-site request refused", "", 403, 7, Fault::client}},
    {Reason::rate_limited, {"rate_limited", 429, "rate_limited", kTooMany, "", 429, 8, Fault::client}},
    {Reason::too_many_failures, {"too_many_failures", 429, "rate_limited", kTooMany, "", 429, 8, Fault::client}},
    {Reason::repeated_request, {"repeated_request", 429, "rate_limited", kTooMany, "", 429, 8, Fault::client}},
    {Reason::busy, {"busy", 503, kUnavailable, kLater, "", 503, 14, Fault::ours}},
    {Reason::store_error, {"store_error", 503, kUnavailable, kLater, "", 503, 14, Fault::ours}},
    {Reason::keys_unavailable, {"keys_unavailable", 503, kUnavailable, kLater, "", 503, 14, Fault::ours}},
    {Reason::invalid_message, {"invalid_message", 400, "invalid_request", kBadBody, "", -32600, 3, Fault::client}},
    {Reason::invalid_body, {"invalid_body", 400, "invalid_request", kBadBody, "", -32700, 3, Fault::client}},
    // Nothing answers with the two below in JSON-RPC or gRPC yet: their numbers are the HTTP status, as in the rows
    // above, and gRPC's NOT_FOUND and ALREADY_EXISTS.
    {Reason::not_found, {"not_found", 404, "not_found", "not found", "", 404, 5, Fault::client}},
    {Reason::conflict, {"conflict", 409, "conflict", "conflict", "", 409, 6, Fault::client}},
    {Reason::body_too_large,
     {"body_too_large", 413, "payload_too_large", "request body too large", "", -32600, 8, Fault::client}},
    {Reason::internal_error, {"internal_error", 500, "internal_error", "internal error", "", -32603, 13, Fault::ours}},
    {Reason::credential_too_large,
     {"credential_too_large", 400, "invalid_request", "credential too large", kInvalidRequest, -32600, 3,
      Fault::client}},
    {Reason::requirement_failed, {"requirement_failed", 403, kForbidden, kDenied, "", 403, 7, Fault::client}},
    {Reason::too_many_concurrent, {"too_many_concurrent", 429, "rate_limited", kTooMany, "", 429, 8, Fault::client}},
    {Reason::address_not_allowed, {"address_not_allowed", 403, kForbidden, kDenied, "", 403, 7, Fault::client}},
    {Reason::origin_refused, {"origin_refused", 403, kForbidden, kDenied, "", 403, 7, Fault::client}},
    {Reason::list_unreadable,
     {"list_unreadable", 502, "bad_gateway", "upstream answer can't be filtered", "", -32603, 14, Fault::ours}},
    {Reason::method_not_allowed,
     {"method_not_allowed", 405, "method_not_allowed", "method not allowed", "", -32600, 12, Fault::client}},
    // What the keys API alone answers with: never in JSON-RPC or gRPC, whose numbers are the nearest.
    {Reason::too_many_keys, {"too_many_keys", 403, kForbidden, "too many keys", "", 403, 7, Fault::client}},
    {Reason::exceeds_caller, {"exceeds_caller", 403, kForbidden, "exceeds the caller", "", 403, 7, Fault::client}},
    {Reason::wrong_verifier, {"wrong_verifier", 403, kForbidden, "wrong code verifier", "", 403, 7, Fault::client}},
    {Reason::precondition_failed,
     {"precondition_failed", 412, "precondition_failed", "precondition failed", "", 412, 9, Fault::client}},
    {Reason::unsupported_type,
     {"unsupported_type", 415, "unsupported_type", "unsupported content type", "", 415, 3, Fault::client}},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<std::size_t>(kRows[i].reason) != i) {
      return false;
    }
  }
  return true;
}
static_assert(in_order(), "each reason has its row, in the order of the enum");

}  // namespace

const ReasonInfo &info(Reason reason) noexcept {
  const auto index = static_cast<std::size_t>(reason);
  // A value from nowhere must not become Reason::none's 200.
  return kRows[index < kReasonCount ? index : static_cast<std::size_t>(Reason::internal_error)].info;
}

std::optional<Reason> reason_by_name(std::string_view name) noexcept {
  for (std::size_t i = 1; i < kRows.size(); ++i) {
    if (kRows[i].info.name == name) {
      return kRows[i].reason;
    }
  }
  return std::nullopt;
}

bool is_reason_code(std::string_view code) noexcept {
  for (std::size_t i = 1; i < kRows.size(); ++i) {
    if (kRows[i].info.code == code) {
      return true;
    }
  }
  return false;
}

}  // namespace keyward
