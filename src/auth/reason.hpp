// Why a request was refused: one closed list, and one table from each to all that an answer needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace keyward {

enum class Reason : std::uint8_t {
  none,  // not refused
  missing_credential,
  invalid_request,
  invalid_key,
  revoked_key,
  suspended_key,
  pending_key,
  expired_key,
  invalid_token,
  revoked_token,
  expired_token,
  unprovisioned,
  insufficient_credits,
  no_access,
  blocked_subject,
  not_accepted,
  insufficient_scope,
  method_not_covered,
  cross_site,
  rate_limited,
  too_many_failures,
  repeated_request,
  busy,
  store_error,
  keys_unavailable,
  invalid_message,
  invalid_body,
  not_found,
  conflict,
  body_too_large,
  internal_error,
  credential_too_large,
  requirement_failed,
  too_many_concurrent,
  address_not_allowed,
  origin_refused,
  list_unreadable,
  method_not_allowed,
  too_many_keys,
  exceeds_caller,
  wrong_verifier,
  precondition_failed,
  unsupported_type,
};
inline constexpr std::size_t kReasonCount = static_cast<std::size_t>(Reason::unsupported_type) + 1;

// Whose fault it is: decides the log level (info for a client's, error for our dependency's).
enum class Fault : std::uint8_t { client, ours };

struct ReasonInfo {
  std::string_view name;     // $keyward_reason, logs, metrics
  std::uint16_t status;      // HTTP
  std::string_view code;     // "code" in bodies
  std::string_view message;  // "error" in bodies
  // RFC 6750, section 3.1: the challenge's error attribute; empty: none.
  std::string_view bearer_error;
  std::int32_t json_rpc;
  std::uint8_t grpc;
  Fault fault;
};

// Constant-time look-up; for Reason::none name is "" and status 200.
const ReasonInfo &info(Reason reason) noexcept;
std::optional<Reason> reason_by_name(std::string_view name) noexcept;
// Whether any reason has this code ("unauthorized").
bool is_reason_code(std::string_view code) noexcept;

}  // namespace keyward
