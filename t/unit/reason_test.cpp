// The table of reasons, row by row: what clients rely on doesn't change by itself.
#include "auth/reason.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace keyward {
namespace {

struct Expected {
  Reason reason;
  const char *name;
  int status;
  const char *code;
  const char *message;
  const char *bearer_error;
  int json_rpc;
  int grpc;
  Fault fault;
};

constexpr Fault kClient = Fault::client;
constexpr Fault kOurs = Fault::ours;

const Expected kTable[] = {
    {Reason::missing_credential, "missing_credential", 401, "unauthorized", "missing credentials", "", -32001, 16,
     kClient},
    {Reason::invalid_request, "invalid_request", 400, "invalid_request", "conflicting or malformed credentials",
     "invalid_request", -32600, 3, kClient},
    {Reason::invalid_key, "invalid_key", 401, "unauthorized", "invalid or inactive API key", "invalid_token", -32001,
     16, kClient},
    {Reason::revoked_key, "revoked_key", 401, "unauthorized", "invalid or inactive API key", "invalid_token", -32001,
     16, kClient},
    {Reason::suspended_key, "suspended_key", 401, "unauthorized", "invalid or inactive API key", "invalid_token",
     -32001, 16, kClient},
    {Reason::pending_key, "pending_key", 401, "unauthorized", "invalid or inactive API key", "invalid_token", -32001,
     16, kClient},
    {Reason::expired_key, "expired_key", 401, "unauthorized", "API key expired", "invalid_token", -32001, 16, kClient},
    {Reason::invalid_token, "invalid_token", 401, "unauthorized", "invalid token", "invalid_token", -32001, 16,
     kClient},
    {Reason::revoked_token, "revoked_token", 401, "unauthorized", "invalid token", "invalid_token", -32001, 16,
     kClient},
    {Reason::expired_token, "expired_token", 401, "unauthorized", "token expired", "invalid_token", -32001, 16,
     kClient},
    {Reason::unprovisioned, "unprovisioned", 401, "unauthorized", "user not provisioned", "invalid_token", -32001, 16,
     kClient},
    {Reason::insufficient_credits, "insufficient_credits", 402, "payment_required", "insufficient credits", "", 402, 9,
     kClient},
    {Reason::no_access, "no_access", 403, "forbidden", "access denied", "", 403, 7, kClient},
    {Reason::blocked_subject, "blocked_subject", 403, "forbidden", "access denied", "", 403, 7, kClient},
    {Reason::not_accepted, "not_accepted", 403, "forbidden", "access denied", "", 403, 7, kClient},
    {Reason::insufficient_scope, "insufficient_scope", 403, "forbidden", "insufficient scope", "insufficient_scope",
     403, 7, kClient},
    {Reason::method_not_covered, "method_not_covered", 403, "forbidden", "insufficient scope", "insufficient_scope",
     403, 7, kClient},
    {Reason::cross_site, "cross_site", 403, "forbidden", "cross-site request refused", "", 403, 7, kClient},
    {Reason::rate_limited, "rate_limited", 429, "rate_limited", "rate limit exceeded", "", 429, 8, kClient},
    {Reason::too_many_failures, "too_many_failures", 429, "rate_limited", "rate limit exceeded", "", 429, 8, kClient},
    {Reason::repeated_request, "repeated_request", 429, "rate_limited", "rate limit exceeded", "", 429, 8, kClient},
    {Reason::busy, "busy", 503, "unavailable", "authentication temporarily unavailable", "", 503, 14, kOurs},
    {Reason::store_error, "store_error", 503, "unavailable", "authentication temporarily unavailable", "", 503, 14,
     kOurs},
    {Reason::keys_unavailable, "keys_unavailable", 503, "unavailable", "authentication temporarily unavailable", "",
     503, 14, kOurs},
    {Reason::invalid_message, "invalid_message", 400, "invalid_request", "invalid request body", "", -32600, 3,
     kClient},
    {Reason::invalid_body, "invalid_body", 400, "invalid_request", "invalid request body", "", -32700, 3, kClient},
    {Reason::not_found, "not_found", 404, "not_found", "not found", "", 404, 5, kClient},
    {Reason::conflict, "conflict", 409, "conflict", "conflict", "", 409, 6, kClient},
    {Reason::body_too_large, "body_too_large", 413, "payload_too_large", "request body too large", "", -32600, 8,
     kClient},
    {Reason::internal_error, "internal_error", 500, "internal_error", "internal error", "", -32603, 13, kOurs},
    {Reason::credential_too_large, "credential_too_large", 400, "invalid_request", "credential too large",
     "invalid_request", -32600, 3, kClient},
    {Reason::requirement_failed, "requirement_failed", 403, "forbidden", "access denied", "", 403, 7, kClient},
    {Reason::too_many_concurrent, "too_many_concurrent", 429, "rate_limited", "rate limit exceeded", "", 429, 8,
     kClient},
    {Reason::address_not_allowed, "address_not_allowed", 403, "forbidden", "access denied", "", 403, 7, kClient},
    {Reason::origin_refused, "origin_refused", 403, "forbidden", "access denied", "", 403, 7, kClient},
    {Reason::list_unreadable, "list_unreadable", 502, "bad_gateway", "upstream answer can't be filtered", "", -32603,
     14, kOurs},
    {Reason::method_not_allowed, "method_not_allowed", 405, "method_not_allowed", "method not allowed", "", -32600, 12,
     kClient},
    {Reason::too_many_keys, "too_many_keys", 403, "forbidden", "too many keys", "", 403, 7, kClient},
    {Reason::exceeds_caller, "exceeds_caller", 403, "forbidden", "exceeds the caller", "", 403, 7, kClient},
    {Reason::wrong_verifier, "wrong_verifier", 403, "forbidden", "wrong code verifier", "", 403, 7, kClient},
    {Reason::precondition_failed, "precondition_failed", 412, "precondition_failed", "precondition failed", "", 412, 9,
     kClient},
    {Reason::unsupported_type, "unsupported_type", 415, "unsupported_type", "unsupported content type", "", 415, 3,
     kClient},
};

TEST(ReasonTable, IsWhatClientsRelyOn) {
  ASSERT_EQ(std::size(kTable), kReasonCount - 1);
  for (std::size_t i = 0; i < std::size(kTable); ++i) {
    const Expected &row = kTable[i];
    ASSERT_EQ(static_cast<std::size_t>(row.reason), i + 1);
    const ReasonInfo &shown = info(row.reason);
    EXPECT_EQ(shown.name, row.name);
    EXPECT_EQ(shown.status, row.status) << row.name;
    EXPECT_EQ(shown.code, row.code) << row.name;
    EXPECT_EQ(shown.message, row.message) << row.name;
    EXPECT_EQ(shown.bearer_error, row.bearer_error) << row.name;
    EXPECT_EQ(shown.json_rpc, row.json_rpc) << row.name;
    EXPECT_EQ(shown.grpc, row.grpc) << row.name;
    EXPECT_EQ(shown.fault, row.fault) << row.name;
  }
}

// What must hold whatever the table says.
TEST(ReasonTable, IsSane) {
  std::set<std::string_view> names;
  for (const Expected &row : kTable) {
    const ReasonInfo &shown = info(row.reason);
    EXPECT_TRUE(names.insert(shown.name).second) << row.name;
    EXPECT_TRUE(shown.status >= 400 && shown.status <= 599) << row.name;
    EXPECT_EQ(shown.fault == Fault::ours, shown.status >= 500) << row.name;
    EXPECT_TRUE(shown.grpc >= 1 && shown.grpc <= 16) << row.name;
    EXPECT_NE(shown.json_rpc, 0) << row.name;
    EXPECT_FALSE(shown.message.empty());
    // The message goes into JSON and into quoted strings of headers as it is.
    EXPECT_EQ(shown.message.find_first_of("\"\\"), std::string_view::npos);
  }
}

TEST(ReasonTable, NoneIsNoRefusal) {
  EXPECT_EQ(info(Reason::none).status, 200);
  EXPECT_EQ(info(Reason::none).name, "");
}

TEST(ReasonTable, AValueFromNowhereIsNotAPass) {
  EXPECT_EQ(info(static_cast<Reason>(kReasonCount)).status, 500);
  EXPECT_EQ(info(static_cast<Reason>(255)).status, 500);
}

TEST(ReasonTable, IsFoundByName) {
  for (const Expected &row : kTable) {
    EXPECT_EQ(reason_by_name(row.name), row.reason);
  }
  for (const char *name : {"", "none", "Busy", "busy ", "unauthorized", "invalid"}) {
    EXPECT_FALSE(reason_by_name(name).has_value()) << name;
  }
}

TEST(ReasonTable, KnowsItsCodes) {
  for (const char *code :
       {"unauthorized", "invalid_request", "payment_required", "forbidden", "rate_limited", "unavailable", "not_found",
        "conflict", "payload_too_large", "internal_error", "bad_gateway", "method_not_allowed"}) {
    EXPECT_TRUE(is_reason_code(code)) << code;
  }
  for (const char *code : {"", "busy", "Unauthorized", "forbidden "}) {
    EXPECT_FALSE(is_reason_code(code)) << code;
  }
}

}  // namespace
}  // namespace keyward
