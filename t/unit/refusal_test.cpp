// Every reason in every format.
#include "answer/refusal.hpp"

#include <gtest/gtest.h>

#include "answer/media_type.hpp"
#include "json/json.hpp"

namespace keyward {
namespace {

constexpr ErrorFormat kPlain[] = {ErrorFormat::json, ErrorFormat::problem, ErrorFormat::off};

RefusalTexts plain_answers() {
  RefusalTexts table;
  for (std::size_t i = 0; i < kReasonCount; ++i) {
    const ReasonInfo &row = info(static_cast<Reason>(i));
    table[i] = {row.status, std::string(row.code), std::string(row.message), std::nullopt};
  }
  return table;
}

std::string field(const Refusal &refusal, std::string_view name) {
  for (const AnswerField &one : refusal.fields) {
    if (one.name == name) {
      return one.value;
    }
  }
  return {};
}

json::Value parsed(const std::string &body) {
  json::Value value;
  std::string error;
  EXPECT_TRUE(json::parse(body, {}, &value, &error)) << error << ": " << body;
  return value;
}

std::string text_at(const json::Value &object, std::string_view name) {
  const json::Value *value = object.find(name);
  return value != nullptr && value->type == json::Value::Type::string ? value->text : std::string();
}

bool asks_for_credential(Reason reason) {
  return info(reason).status == 401 || reason == Reason::insufficient_scope || reason == Reason::method_not_covered;
}

bool is_quota(Reason reason) {
  return reason == Reason::rate_limited || reason == Reason::too_many_concurrent ||
         reason == Reason::repeated_request || reason == Reason::too_many_failures;
}

class RefusalTest : public testing::Test {
 protected:
  Refusal make(Reason reason, ErrorFormat format) {
    errors_.format = format;
    outcome_.reason = reason;
    const ProtectedResource *resource = resource_.url.empty() ? nullptr : &resource_;
    return make_refusal(outcome_, {answers_, errors_, format, realm_, false, resource}, reader_);
  }
  // The error of a JSON-RPC answer.
  json::Value error_of(Reason reason, ErrorFormat format) {
    const json::Value *error = body_of(make(reason, format)).find("error");
    EXPECT_NE(error, nullptr);
    return error != nullptr ? *error : json::Value();
  }
  const json::Value &body_of(const Refusal &refusal) {
    body_ = parsed(refusal.body);
    return body_;
  }
  RefusalText &answer(Reason reason) { return answers_[static_cast<std::size_t>(reason)]; }

  mcp::Call *call(mcp::Era era = mcp::Era::legacy, std::string_view id = "7") {
    call_.era = era;
    call_.kind = mcp::MessageKind::request;
    call_.id = id;
    reader_.call = &call_;
    return &call_;
  }
  mcp::Call *tool_call(mcp::Era era = mcp::Era::legacy, std::string_view id = "7") {
    call(era, id)->takes_tool_result = true;
    call_.method = "tools/call";
    call_.name = "search";
    return &call_;
  }

  RefusalTexts answers_ = plain_answers();
  ErrorStyle errors_;
  std::string realm_;
  ProtectedResource resource_;
  Reader reader_;
  mcp::Call call_;
  Outcome outcome_;
  json::Value body_;
};

TEST_F(RefusalTest, EveryReasonInPlainFormats) {
  outcome_.required_scope = "posts:write";
  outcome_.retry_after_s = 9;
  for (std::size_t i = 1; i < kReasonCount; ++i) {
    const auto reason = static_cast<Reason>(i);
    const ReasonInfo &row = info(reason);
    for (const ErrorFormat format : kPlain) {
      const Refusal refusal = make(reason, format);
      EXPECT_EQ(refusal.status, row.status) << row.name;
      EXPECT_EQ(refusal.shown_status, 0);
      EXPECT_FALSE(refusal.is_final) << "error_page wins";
      EXPECT_EQ(field(refusal, "Retry-After"), "9");
      EXPECT_EQ(field(refusal, "WWW-Authenticate").empty(), !asks_for_credential(reason)) << row.name;
      if (format == ErrorFormat::off) {
        EXPECT_TRUE(refusal.body.empty());
        EXPECT_TRUE(refusal.content_type.empty());
        continue;
      }
      const json::Value body = parsed(refusal.body);
      EXPECT_EQ(text_at(body, "code"), row.code);
      EXPECT_EQ(text_at(body, format == ErrorFormat::json ? "error" : "title"), row.message);
      EXPECT_EQ(text_at(body, "required_scope"), reason == Reason::insufficient_scope ? "posts:write" : "");
      EXPECT_NE(body.find("retry_after"), nullptr);
      EXPECT_EQ(refusal.content_type, format == ErrorFormat::json ? "application/json" : "application/problem+json");
      if (format == ErrorFormat::problem && !is_quota(reason)) {
        EXPECT_EQ(text_at(body, "type"), "urn:keyward:problem:" + std::string(row.name));
      }
    }
  }
}

TEST_F(RefusalTest, EveryReasonInJsonRpc) {
  for (const mcp::Era era : {mcp::Era::legacy, mcp::Era::modern}) {
    call(era, "\"a\\u0062\"");
    for (std::size_t i = 1; i < kReasonCount; ++i) {
      const auto reason = static_cast<Reason>(i);
      const ReasonInfo &row = info(reason);
      const Refusal refusal = make(reason, ErrorFormat::jsonrpc);
      EXPECT_EQ(refusal.status, row.status);
      EXPECT_EQ(refusal.shown_status, 0);
      EXPECT_TRUE(refusal.is_final);
      EXPECT_EQ(refusal.content_type, "application/json");
      EXPECT_EQ(field(refusal, "WWW-Authenticate").empty(), !asks_for_credential(reason)) << row.name;
      const bool is_modern = era == mcp::Era::modern;
      const int code = is_modern && row.json_rpc == -32001 ? row.status : row.json_rpc;
      EXPECT_EQ(refusal.body, R"({"jsonrpc":"2.0","id":"a\u0062","error":{"code":)" + std::to_string(code) +
                                  R"(,"message":")" + std::string(row.message) + "\"}}")
          << "the id as it was written";
      EXPECT_TRUE(!is_modern || code > -32000 || code < -32768 || (code <= -32600 && code >= -32700)) << row.name;
    }
  }
}

TEST_F(RefusalTest, EveryReasonInGrpc) {
  reader_.content_type = "application/grpc+proto";
  outcome_.retry_after_s = 9;
  for (std::size_t i = 1; i < kReasonCount; ++i) {
    const auto reason = static_cast<Reason>(i);
    for (const ErrorFormat format : {ErrorFormat::grpc, ErrorFormat::automatic}) {
      const Refusal refusal = make(reason, format);
      EXPECT_EQ(refusal.status, info(reason).status) << "by which nginx judges";
      EXPECT_EQ(refusal.shown_status, 200);
      EXPECT_TRUE(refusal.is_final);
      EXPECT_TRUE(refusal.is_fields_only);
      EXPECT_TRUE(refusal.body.empty());
      EXPECT_EQ(refusal.content_type, "application/grpc+proto");
      EXPECT_EQ(field(refusal, "grpc-status"), std::to_string(info(reason).grpc));
      EXPECT_EQ(field(refusal, "grpc-message"), info(reason).message);
      EXPECT_EQ(field(refusal, "WWW-Authenticate"), "") << "challenges belong to 401 and 403";
      EXPECT_EQ(field(refusal, "Retry-After"), "9");
    }
  }
}

TEST_F(RefusalTest, GrpcEncodesItsMessage) {
  answer(Reason::no_access).message = "100% Schl\xc3\xbcssel\n~";
  EXPECT_EQ(field(make(Reason::no_access, ErrorFormat::grpc), "grpc-message"), "100%25 Schl%C3%BCssel%0A~");
  EXPECT_EQ(make(Reason::no_access, ErrorFormat::grpc).content_type, "application/grpc");
}

TEST(GrpcType, IsEchoedWithoutParameters) {
  EXPECT_EQ(grpc_type_of("application/grpc"), "application/grpc");
  EXPECT_EQ(grpc_type_of("Application/GRPC+json; charset=utf-8"), "Application/GRPC+json");
  EXPECT_EQ(grpc_type_of(" application/grpc-web-text+proto "), "application/grpc-web-text+proto");
  for (const char *other : {"", "application/grpcx", "application/json", "application/grpc\"", "application/grpc+a\x80",
                            "application/grp", "text/plain; application/grpc"}) {
    EXPECT_EQ(grpc_type_of(other), "") << other;
  }
  EXPECT_EQ(grpc_type_of("application/grpc+" + std::string(200, 'x')), "");
}

TEST_F(RefusalTest, AcceptChoosesWhereTheFormatIsAutomatic) {
  const auto type = [&](std::string_view accept) {
    reader_.accept = accept;
    return make(Reason::no_access, ErrorFormat::automatic).content_type;
  };
  EXPECT_EQ(type(""), "application/json");
  EXPECT_EQ(type("text/html, */*"), "application/json");
  EXPECT_EQ(type("text/html, Application/Problem+JSON;q=0.5"), "application/problem+json");
  EXPECT_EQ(type("application/problem+json;q=0"), "application/json");
  EXPECT_EQ(type("application/problem+json ; charset=utf-8 ; Q=0.000"), "application/json");
  EXPECT_EQ(type("application/problem+jsonx"), "application/json");
  reader_.content_type = "application/grpc";
  EXPECT_EQ(type("application/problem+json"), "application/grpc");
  call();
  EXPECT_NE(make(Reason::no_access, ErrorFormat::automatic).body.find("jsonrpc"), std::string::npos);
}

TEST_F(RefusalTest, FormatsHaveNames) {
  EXPECT_EQ(format_by_name("auto"), ErrorFormat::automatic);
  EXPECT_EQ(format_by_name("mcp"), ErrorFormat::mcp);
  EXPECT_EQ(format_by_name("off"), ErrorFormat::off);
  EXPECT_EQ(format_by_name(""), std::nullopt);
  EXPECT_EQ(format_by_name("JSON"), std::nullopt);
}

TEST_F(RefusalTest, QuotaProblemsHaveTheTypesOfTheDraft) {
  const std::string prefix = "https://iana.org/assignments/http-problem-types#";
  const std::pair<Reason, const char *> kTypes[] = {{Reason::rate_limited, "quota-exceeded"},
                                                    {Reason::too_many_concurrent, "quota-exceeded"},
                                                    {Reason::repeated_request, "abnormal-usage-detected"},
                                                    {Reason::too_many_failures, "abnormal-usage-detected"}};
  for (const auto &[reason, type] : kTypes) {
    const json::Value body = parsed(make(reason, ErrorFormat::problem).body);
    EXPECT_EQ(text_at(body, "type"), prefix + type);
    EXPECT_EQ(text_at(body, "reason"), info(reason).name);
    ASSERT_NE(body.find("violated-policies"), nullptr);
    EXPECT_TRUE(body.find("violated-policies")->items.empty());
  }
  outcome_.every_limit = std::make_unique<std::vector<SeenLimit>>(4);
  const char *kNames[] = {"plan", "search", "plan", "plan"};
  for (std::size_t i = 0; i < 4; ++i) {
    (*outcome_.every_limit)[i].name = kNames[i];
    (*outcome_.every_limit)[i].state.admitted = i < 2;
  }
  const json::Value body = parsed(make(Reason::rate_limited, ErrorFormat::problem).body);
  const std::vector<json::Value> &violated = body.find("violated-policies")->items;
  ASSERT_EQ(violated.size(), 2U);
  EXPECT_EQ(violated[0].text, "plan-2") << "as RateLimit-Policy calls it";
  EXPECT_EQ(violated[1].text, "plan-3");
}

TEST_F(RefusalTest, AMessageOfOnesOwnIsInBodyAndChallenge) {
  answer(Reason::invalid_key) = {401, "bad_key", "ask us for a key", std::nullopt};
  realm_ = "api";
  const Refusal refusal = make(Reason::invalid_key, ErrorFormat::json);
  EXPECT_EQ(refusal.body, R"({"error":"ask us for a key","code":"bad_key"})");
  EXPECT_EQ(field(refusal, "WWW-Authenticate"),
            R"(Bearer realm="api", error="invalid_token", error_description="ask us for a key")");
}

TEST_F(RefusalTest, AChallengeAsksForWhatOneHasTogetherWithWhatIsNeeded) {
  auto principal = std::make_shared<Principal>();
  principal->grants = Grants("posts:read", {});
  outcome_.principal = principal;
  outcome_.required_scope = "posts:write";
  EXPECT_EQ(
      field(make(Reason::insufficient_scope, ErrorFormat::json), "WWW-Authenticate"),
      R"(Bearer error="insufficient_scope", scope="posts:read posts:write", error_description="insufficient scope")");
  principal->grants_are_roles = true;
  EXPECT_EQ(field(make(Reason::insufficient_scope, ErrorFormat::json), "WWW-Authenticate"),
            R"(Bearer error="insufficient_scope", scope="posts:write", error_description="insufficient scope")")
      << "roles aren't what an authorization server is asked for";
}

TEST_F(RefusalTest, AChallengePointsToTheMetadataOfItsResource) {
  resource_ = make_resource("https://mcp.example.com/mcp", 23, "files:read files:list");
  outcome_.required_scope = "files:write";
  const std::string metadata =
      R"(resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp")";
  EXPECT_EQ(field(make(Reason::missing_credential, ErrorFormat::json), "WWW-Authenticate"),
            "Bearer " + metadata + R"(, scope="files:read files:list")");
  EXPECT_EQ(field(make(Reason::expired_token, ErrorFormat::json), "WWW-Authenticate"),
            "Bearer " + metadata + R"(, error="invalid_token", error_description="token expired")")
      << "who has stepped up asks for the same again";
  EXPECT_EQ(field(make(Reason::insufficient_scope, ErrorFormat::json), "WWW-Authenticate"),
            "Bearer " + metadata +
                R"(, error="insufficient_scope", scope="files:write", error_description="insufficient scope")");
}

// keyward_message may give a reason another status: a challenge belongs to 401 and 403 only.
TEST_F(RefusalTest, AnotherStatusHasNoChallenge) {
  answer(Reason::invalid_key) = {404, "not_found", "not found", std::nullopt};
  const Refusal refusal = make(Reason::invalid_key, ErrorFormat::json);
  EXPECT_EQ(refusal.status, 404);
  EXPECT_TRUE(refusal.fields.empty());
}

// RFC 9110, section 15.5.2: whatever keyward_message made one.
TEST_F(RefusalTest, Each401HasAChallenge) {
  answer(Reason::no_access) = {401, "unauthorized", "sign in", std::nullopt};
  EXPECT_EQ(field(make(Reason::no_access, ErrorFormat::json), "WWW-Authenticate"), "Bearer");
}

TEST_F(RefusalTest, MembersAreThoseThatWereChosen) {
  errors_.fields = {{ErrorField::reason, "why"}, {ErrorField::status, "status"}};
  EXPECT_EQ(make(Reason::busy, ErrorFormat::json).body, R"({"why":"busy","status":503})");
}

// --- JSON-RPC: ids and numbers ------------------------------------------------------------------------------------

TEST_F(RefusalTest, AnIdIsEchoedNullOrLeftOut) {
  const auto start = [&] {
    const std::string body = make(Reason::invalid_message, ErrorFormat::jsonrpc).body;
    return body.substr(0, body.find("\"error\""));
  };
  EXPECT_EQ(start(), R"({"jsonrpc":"2.0","id":null,)") << "outside of MCP nobody has read it";
  for (const char *id : {"7", "-0", "12345678901234567890", R"("")", R"("\ud83d\ude00")"}) {
    call(mcp::Era::legacy, id);
    EXPECT_EQ(start(), R"({"jsonrpc":"2.0","id":)" + std::string(id) + ",");
  }
  call(mcp::Era::legacy, "")->kind = mcp::MessageKind::unreadable;
  EXPECT_EQ(start(), R"({"jsonrpc":"2.0","id":null,)");
  call(mcp::Era::modern, "")->kind = mcp::MessageKind::unreadable;
  EXPECT_EQ(start(), R"({"jsonrpc":"2.0",)");
  for (const mcp::Era era : {mcp::Era::legacy, mcp::Era::modern}) {
    call(era, "")->kind = mcp::MessageKind::notification;
    EXPECT_EQ(start(), R"({"jsonrpc":"2.0",)");
    call(era, "5")->kind = mcp::MessageKind::response;
    EXPECT_EQ(start(), R"({"jsonrpc":"2.0",)") << "that id is the server's";
  }
  errors_.null_id = true;
  call(mcp::Era::modern, "7");
  EXPECT_EQ(start(), R"({"jsonrpc":"2.0","id":null,)") << "id=null wins";
}

TEST_F(RefusalTest, CodesOfWhatIsWrongWithAMessage) {
  const auto code = [&](mcp::Fault fault, mcp::Era era) {
    call(era)->fault = fault;
    return error_of(Reason::invalid_message, ErrorFormat::jsonrpc).find("code")->text;
  };
  EXPECT_EQ(code(mcp::Fault::none, mcp::Era::legacy), "-32600");
  EXPECT_EQ(code(mcp::Fault::not_json, mcp::Era::legacy), "-32700");
  EXPECT_EQ(code(mcp::Fault::no_message, mcp::Era::modern), "-32600");
  EXPECT_EQ(code(mcp::Fault::no_version, mcp::Era::modern), "-32602");
  EXPECT_EQ(code(mcp::Fault::field_differs, mcp::Era::modern), "-32020");
  call_.fault = mcp::Fault::not_json;
  EXPECT_EQ(error_of(Reason::body_too_large, ErrorFormat::jsonrpc).find("code")->text, "-32600");
  answer(Reason::invalid_message).rpc = 5;
  EXPECT_EQ(code(mcp::Fault::field_differs, mcp::Era::modern), "5") << "rpc= wins";
}

TEST_F(RefusalTest, CodesFollowTheStatusThatOneHasChosen) {
  call(mcp::Era::modern);
  answer(Reason::no_access).status = 402;
  EXPECT_EQ(error_of(Reason::no_access, ErrorFormat::jsonrpc).find("code")->text, "402");
  answer(Reason::invalid_key).status = 403;
  EXPECT_EQ(error_of(Reason::invalid_key, ErrorFormat::jsonrpc).find("code")->text, "403");
  answer(Reason::invalid_key).rpc = -32001;
  EXPECT_EQ(error_of(Reason::invalid_key, ErrorFormat::jsonrpc).find("code")->text, "-32001");
}

// --- tool results -------------------------------------------------------------------------------------------------

TEST_F(RefusalTest, AToolResultTellsAModelWhatItCanDo) {
  outcome_.retry_after_s = 12;
  tool_call(mcp::Era::legacy, "\"x\"");
  const Refusal refusal = make(Reason::rate_limited, ErrorFormat::automatic);
  EXPECT_EQ(refusal.status, 429);
  EXPECT_EQ(refusal.shown_status, 200);
  EXPECT_TRUE(refusal.is_final);
  EXPECT_FALSE(refusal.is_fields_only);
  EXPECT_EQ(field(refusal, "Retry-After"), "12");
  EXPECT_EQ(refusal.body,
            R"({"jsonrpc":"2.0","id":"x","result":{"content":[{"type":"text","text":"rate limit exceeded. The call )"
            R"(of search was refused (rate_limited) and nothing was done. Wait 12 seconds before you call it again."}])"
            R"(,"isError":true}})");
  tool_call(mcp::Era::modern);
  EXPECT_NE(make(Reason::rate_limited, ErrorFormat::automatic).body.find(R"("result":{"resultType":"complete",)"),
            std::string::npos);
}

TEST_F(RefusalTest, WhatATextSays) {
  const auto text = [&](Reason reason) {
    const json::Value &result = *body_of(make(reason, ErrorFormat::mcp)).find("result");
    return text_at(result.find("content")->items[0], "text");
  };
  tool_call();
  const auto ends_with = [&](Reason reason, std::string_view end) {
    const std::string all = text(reason);
    EXPECT_TRUE(all.size() > end.size() && all.substr(all.size() - end.size()) == end) << all;
  };
  outcome_.retry_after_s = 1;
  ends_with(Reason::too_many_concurrent, "Wait 1 second before you call it again.");
  outcome_.retry_after_s = 0;
  ends_with(Reason::insufficient_credits, "won't help until that has changed.");
  ends_with(Reason::no_access, "Calling it again won't help.");
  ends_with(Reason::invalid_key, "then call it again.");
  outcome_.required_scope = "files:write";
  ends_with(Reason::insufficient_scope, "grant first: files:write.");
  answer(Reason::missing_credential).message = "Missing Authorization header.";
  EXPECT_EQ(text(Reason::missing_credential).substr(0, 46), "Missing Authorization header. The call of sear");
  call_.name = "\"\n";
  EXPECT_NE(text(Reason::no_access).find("of \"\n was"), std::string::npos) << "it is the client's own word";
  const std::string long_name(5000, 'n');
  call_.name = long_name;
  EXPECT_EQ(text(Reason::no_access).find('n' + long_name.substr(0, 100)), std::string::npos);
}

TEST_F(RefusalTest, OnlySomeRefusalsAreToolResults) {
  for (const ErrorFormat format : {ErrorFormat::automatic, ErrorFormat::mcp, ErrorFormat::jsonrpc}) {
    for (std::size_t i = 1; i < kReasonCount; ++i) {
      const auto reason = static_cast<Reason>(i);
      const int status = info(reason).status;
      const bool is_login = status == 401 || status == 403;
      const bool expected = format != ErrorFormat::jsonrpc &&
                            (status == 402 || status == 429 || (format == ErrorFormat::mcp && is_login));
      tool_call();
      EXPECT_EQ(make(reason, format).shown_status == 200, expected) << info(reason).name;
      // A notification, a task, another method: an error.
      call_.takes_tool_result = false;
      EXPECT_EQ(make(reason, format).shown_status, 0);
    }
  }
  reader_.call = nullptr;
  EXPECT_EQ(make(Reason::invalid_key, ErrorFormat::mcp).shown_status, 0);
  EXPECT_NE(make(Reason::invalid_key, ErrorFormat::mcp).body.find("-32001"), std::string::npos);
}

// ChatGPT opens its login by these, and wants an error and a description in each.
TEST_F(RefusalTest, AToolResultCarriesTheChallenge) {
  resource_ = make_resource("https://mcp.example.com", 23, "files:read");
  tool_call();
  const auto challenge = [&](Reason reason) {
    const Refusal refusal = make(reason, ErrorFormat::mcp);
    EXPECT_EQ(field(refusal, "WWW-Authenticate"), "") << "it is a 200";
    const json::Value *meta = body_of(refusal).find("result")->find("_meta");
    return meta == nullptr ? std::string() : meta->find("mcp/www_authenticate")->items.at(0).text;
  };
  EXPECT_EQ(challenge(Reason::missing_credential),
            R"(Bearer resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource", )"
            R"(error="invalid_token", scope="files:read", error_description="missing credentials")");
  EXPECT_NE(challenge(Reason::insufficient_scope).find("error=\"insufficient_scope\""), std::string::npos);
  EXPECT_EQ(challenge(Reason::no_access), "") << "another credential wouldn't help";
  EXPECT_EQ(challenge(Reason::rate_limited), "");
}

TEST_F(RefusalTest, NullIdIsNotForResults) {
  errors_.null_id = true;
  tool_call();
  EXPECT_EQ(body_of(make(Reason::rate_limited, ErrorFormat::automatic)).find("id")->text, "7");
}

// --- server/discover ----------------------------------------------------------------------------------------------

TEST_F(RefusalTest, ADiscoveryIsRefusedSoThatNobodyTakesTheServerForAnOldOne) {
  for (const ErrorFormat format : {ErrorFormat::automatic, ErrorFormat::mcp, ErrorFormat::json, ErrorFormat::off}) {
    for (std::size_t i = 1; i < kReasonCount; ++i) {
      const auto reason = static_cast<Reason>(i);
      call(mcp::Era::modern)->is_discover = true;
      const Refusal refusal = make(reason, format);
      const int row = info(reason).status;
      const bool conflicting = reason == Reason::invalid_request || reason == Reason::credential_too_large;
      const int expected = row == 401 || row == 403            ? row
                           : reason == Reason::invalid_message ? 400
                           : conflicting                       ? 401
                                                               : 503;
      EXPECT_EQ(refusal.status, expected) << info(reason).name;
      EXPECT_EQ(refusal.shown_status, 0);
      EXPECT_EQ(field(refusal, "Retry-After").empty(), expected != 503 || row == 503) << info(reason).name;
      EXPECT_TRUE(expected != 401 || !field(refusal, "WWW-Authenticate").empty());
    }
  }
}

// --- resources ----------------------------------------------------------------------------------------------------

TEST(Resource, FollowsFromItsUrl) {
  const ProtectedResource path = make_resource("https://a.example:8443/mcp/v1", 22, "");
  EXPECT_EQ(path.host, "a.example");
  EXPECT_EQ(make_resource("https://A.example/mcp", 17, "").host, "a.example");
  EXPECT_EQ(make_resource("https://[::1]:8443/mcp", 18, "").host, "[::1]");
  EXPECT_EQ(make_resource("https://[::1]/mcp", 13, "").host, "[::1]");
  EXPECT_EQ(path.metadata_url, "https://a.example:8443/.well-known/oauth-protected-resource/mcp/v1");
  EXPECT_EQ(path.metadata_path, "/.well-known/oauth-protected-resource/mcp/v1");
  EXPECT_EQ(path.audiences, std::vector<std::string>{"https://a.example:8443/mcp/v1"});
  for (const char *url : {"https://a.example", "https://a.example/"}) {
    const ProtectedResource origin = make_resource(url, 17, "");
    EXPECT_EQ(origin.url, url);
    EXPECT_EQ(origin.metadata_url, "https://a.example/.well-known/oauth-protected-resource");
    EXPECT_EQ(origin.audiences, (std::vector<std::string>{"https://a.example", "https://a.example/"}));
  }
}

TEST(Resource, HasADocument) {
  EXPECT_EQ(metadata_document(make_resource("https://a.example/mcp", 17, "x y"), {"https://as.example"}, "Files"),
            R"({"resource":"https://a.example/mcp","authorization_servers":["https://as.example"],)"
            R"("scopes_supported":["x","y"],"bearer_methods_supported":["header"],"resource_name":"Files"})");
  EXPECT_EQ(metadata_document(make_resource("https://a.example", 17, ""), {"https://b", "https://c"}, ""),
            R"({"resource":"https://a.example","authorization_servers":["https://b","https://c"],)"
            R"("bearer_methods_supported":["header"]})");
}

}  // namespace
}  // namespace keyward
