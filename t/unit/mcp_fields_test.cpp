// Header fields against the body, and eras.
#include "mcp/fields.hpp"

#include <gtest/gtest.h>

#include <utility>

#include "mcp_fixture.hpp"

namespace keyward::mcp {
namespace {

using test::read;
using test::request;

const char *const kVersion = R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"})";

Field field(std::string_view value) { return {value, 1}; }

Fields modern(std::string_view method, std::string_view name = {}) {
  Fields fields;
  fields.version = field("2026-07-28");
  fields.method = field(method);
  if (!name.empty()) {
    fields.name = field(name);
  }
  return fields;
}

TEST(McpFields, MakeAnEra) {
  struct {
    const char *field, *body;
    Era era;
    Fault fault;
  } const cases[] = {
      {nullptr, nullptr, Era::legacy, Fault::none},
      {"2025-11-25", nullptr, Era::legacy, Fault::none},
      {"2026-07-27", nullptr, Era::legacy, Fault::none},
      {"", nullptr, Era::legacy, Fault::none},
      {"2026-07-28", "\"2026-07-28\"", Era::modern, Fault::none},
      {"2027-01-01", "\"2027-01-01\"", Era::modern, Fault::none},
      {"DRAFT-2026", "\"DRAFT-2026\"", Era::modern, Fault::none},
      {"2026-07-28", nullptr, Era::modern, Fault::no_version},
      {"2026-07-28", "20260728", Era::modern, Fault::no_version},
      {"2026-07-28", "null", Era::modern, Fault::no_version},
      {"2026-07-28", "\"2025-11-25\"", Era::modern, Fault::field_differs},
      {"2026-07-28", "\"2027-01-01\"", Era::modern, Fault::field_differs},
      {nullptr, "\"2026-07-28\"", Era::modern, Fault::field_differs},
      {"2025-11-25", "\"2026-07-28\"", Era::modern, Fault::field_differs},
      {"2025-11-25", "\"2025-11-25\"", Era::legacy, Fault::none},
      {"2025-11-25", "\"2025-06-18\"", Era::legacy, Fault::field_differs},
      {nullptr, "\"2025-06-18\"", Era::legacy, Fault::none},
      {nullptr, "7", Era::legacy, Fault::none},
  };
  for (const auto &one : cases) {
    const std::string params =
        one.body == nullptr ? ""
                            : R"("_meta":{"io.modelcontextprotocol/protocolVersion":)" + std::string(one.body) + '}';
    Fields fields;
    fields.method = field("ping");
    if (one.field != nullptr) {
      fields.version = field(one.field);
    }
    const auto message = read(request("ping", params));
    const Call call = make_call(*message, fields);
    EXPECT_EQ(call.era, one.era) << one.field << ' ' << params;
    EXPECT_EQ(call.fault, one.fault) << one.field << ' ' << params;
    fields.version.count *= 2;
    EXPECT_EQ(make_call(*message, fields).fault, one.field != nullptr ? Fault::field_differs : one.fault);
  }
}

TEST(McpFields, AreDemandedInTheModernEra) {
  struct {
    const char *method, *params, *name;
    bool demanded;
  } const cases[] = {
      {"tools/call", R"("name":"a")", "a", true},        {"prompts/get", R"("name":"a")", "a", true},
      {"resources/read", R"("uri":"a:b")", "a:b", true}, {"tasks/get", R"("taskId":"t")", "t", true},
      {"tasks/update", R"("taskId":"t")", "t", true},    {"tasks/cancel", R"("taskId":"t")", "t", true},
      {"tasks/result", R"("taskId":"t")", "t", false},   {"resources/subscribe", R"("uri":"u")", "u", false},
      {"tools/list", R"("cursor":"x")", "", false},      {"made/up", R"("name":"x")", "", false},
  };
  for (const auto &one : cases) {
    const auto message = read(request(one.method, std::string(one.params) + ',' + kVersion));
    const auto fault = [&](const Fields &fields) { return make_call(*message, fields).fault; };
    const Fields good = modern(one.method, one.name);
    EXPECT_EQ(fault(good), Fault::none) << one.method;
    Fields fields = good;
    fields.method = {};
    EXPECT_EQ(fault(fields), Fault::field_differs) << one.method;
    fields.method = field("tools/lis");
    EXPECT_EQ(fault(fields), Fault::field_differs) << one.method;
    fields.method = {one.method, 2};
    EXPECT_EQ(fault(fields), Fault::field_differs) << one.method;
    fields = good;
    fields.name = {};
    EXPECT_EQ(fault(fields), one.demanded ? Fault::field_differs : Fault::none) << one.method;
    fields.name = field("other");
    EXPECT_EQ(fault(fields), Fault::field_differs) << one.method;
    fields.name = {one.name, 2};
    EXPECT_EQ(fault(fields), Fault::field_differs) << one.method;
  }
}

TEST(McpFields, AreComparedWhereTheyAreInTheLegacyEra) {
  const auto message = read(request("tools/call", R"("name":"deploy")"));
  const auto fault = [&](const Fields &fields) { return make_call(*message, fields).fault; };
  EXPECT_EQ(fault({}), Fault::none);
  Fields fields;
  fields.method = field("tools/list");
  EXPECT_EQ(fault(fields), Fault::field_differs);
  fields.method = field("tools/call");
  fields.name = field("ping");
  EXPECT_EQ(fault(fields), Fault::field_differs);
  fields.name = field("=?base64?ZGVwbG95?=");
  EXPECT_EQ(fault(fields), Fault::none);
  fields.name.count = 2;
  EXPECT_EQ(fault(fields), Fault::field_differs);
}

TEST(McpFields, OfANotificationAreComparedAndNotDemanded) {
  const auto message = read(R"({"method":"notifications/cancelled","params":{)" + std::string(kVersion) + "}}");
  EXPECT_EQ(make_call(*message, {}).era, Era::legacy);  // its era is its field's
  Fields fields;
  fields.version = field("2026-07-28");
  Call call = make_call(*message, fields);
  EXPECT_EQ(call.era, Era::modern);
  EXPECT_EQ(call.fault, Fault::none);
  fields.method = field("notifications/cancelled");
  EXPECT_EQ(make_call(*message, fields).fault, Fault::none);
  fields.method = field("tools/list");
  EXPECT_EQ(make_call(*message, fields).fault, Fault::field_differs);
  // A call without an id, too.
  const auto unanswered = read(R"({"method":"tools/call","params":{"name":"deploy"}})");
  fields.method = {};
  EXPECT_EQ(make_call(*unanswered, fields).fault, Fault::none);
  fields.name = field("other");
  EXPECT_EQ(make_call(*unanswered, fields).fault, Fault::field_differs);
}

TEST(McpFields, NameNothingWhereNothingHasAName) {
  const auto fault = [](std::string_view body, std::string_view name, std::string_view version = {}) {
    Fields fields;
    fields.version = {version, version.empty() ? 0U : 1U};
    if (!version.empty()) {
      fields.method = field(body.find("ping") != body.npos ? "ping" : "made/up");
    }
    fields.name = field(name);
    return make_call(*read(body), fields).fault;
  };
  const std::string meta = kVersion;
  for (const char *method : {"ping", "tools/list", "initialize", "completion/complete"}) {
    const std::string params = R"("name":"b","ref":{"name":"b"})";
    EXPECT_EQ(fault(request(method, params), "b"), Fault::field_differs) << method;
    EXPECT_EQ(fault(request(method, params), ""), Fault::field_differs) << method;
  }
  EXPECT_EQ(fault(R"({"method":"notifications/initialized"})", "b"), Fault::field_differs);
  EXPECT_EQ(fault(request("ping", R"("name":"b",)" + meta), "b", "2026-07-28"), Fault::field_differs);
  // Of a method that the protocol doesn't know, what it may be about.
  for (const char *member : {"name", "uri", "taskId"}) {
    const std::string params = '"' + std::string(member) + R"(":"b")";
    EXPECT_EQ(fault(request("made/up", params), "b"), Fault::none) << member;
    EXPECT_EQ(fault(request("made/up", params), "=?base64?Yg==?="), Fault::none) << member;
    EXPECT_EQ(fault(request("made/up", params), "c"), Fault::field_differs) << member;
    EXPECT_EQ(fault(request("made/up", params), ""), Fault::field_differs) << member;
    EXPECT_EQ(fault(request("made/up", params + ',' + meta), "b", "2026-07-28"), Fault::none) << member;
    EXPECT_EQ(fault(request("made/up", params + ',' + meta), "c", "2026-07-28"), Fault::field_differs) << member;
  }
  EXPECT_EQ(fault(request("made/up", R"("name":"")"), ""), Fault::field_differs);
  EXPECT_EQ(fault(request("made/up", R"("name":["b"])"), "b"), Fault::field_differs);
}

TEST(McpFields, MakeNoCallOfAResponse) {
  for (const char *body :
       {R"({"id":1,"result":{},"params":{"name":"b"}})", R"({"id":1,"error":{}})", R"({"result":{}})"}) {
    const auto message = read(body);
    ASSERT_EQ(message->kind(), MessageKind::response) << body;
    EXPECT_EQ(make_call(*message, {}).fault, Fault::none) << body;
    Fields fields;
    fields.version = field("2025-11-25");
    EXPECT_EQ(make_call(*message, fields).fault, Fault::none) << body;
    for (const char *version : {"", "2025-11-25", "2026-07-28"}) {
      fields.version = {version, version[0] != '\0' ? 1U : 0U};
      for (const char *text : {"", "b", "tools/call"}) {
        fields.method = field(text);
        fields.name = {};
        EXPECT_EQ(make_call(*message, fields).fault, Fault::field_differs) << body << version << text;
        std::swap(fields.method, fields.name);
        EXPECT_EQ(make_call(*message, fields).fault, Fault::field_differs) << body << version << text;
      }
    }
    fields = {};
    fields.version = field("2026-07-28");  // where no server asks a client
    EXPECT_EQ(make_call(*message, fields).fault, Fault::no_message) << body;
  }
}

TEST(McpFields, SayNamesInBase64) {
  EXPECT_TRUE(says("a", "a"));
  EXPECT_FALSE(says("a", "b"));
  EXPECT_TRUE(says("=?base64?YQ==?=", "a"));
  EXPECT_TRUE(says("=?base64?YWI=?=", "ab"));
  EXPECT_TRUE(says("=?base64?YWJj?=", "abc"));
  EXPECT_TRUE(says("=?base64?YWJjZA==?=", "abcd"));
  EXPECT_TRUE(
      says("=?base64?"
           "?=",
           ""));
  EXPECT_TRUE(says("=?base64?w6k=?=", "\xc3\xa9"));
  for (const char *field : {"=?base64?YQ?=", "=?base64?YR==?=", "=?base64?YQ=?=", "=?base64?YQ===?=",
                            "=?base64?Y Q==?=", "=?base64? YQ==?=", "=?BASE64?YQ==?=", "=?base64?YQ==?",
                            "=?base64?-_==?=", "=?base64?YQ==", "=?base64?=", "=?base64?YQ==YQ==?=", " a", "a "}) {
    EXPECT_FALSE(says(field, "a")) << field;
    EXPECT_FALSE(says(field, "aa")) << field;
  }
  EXPECT_TRUE(says("=?base64?=", "=?base64?="));  // no marker stands in it twice
  EXPECT_FALSE(says("=?base64?YQ==?=", "=?base64?YQ==?="));
  const std::string text(5000, 'x');
  std::string field = "=?base64?";
  for (int i = 0; i < 1666; ++i) {
    field += "eHh4";
  }
  EXPECT_TRUE(says(field + "eHg=?=", text));
  EXPECT_FALSE(says(field + "eHl=?=", text));
}

TEST(McpFields, RefuseAnEncodedBody) {
  const auto encoded = [](std::string_view type, std::string_view coding) {
    Fields fields;
    fields.content_type = {type, type.empty() ? 0U : 1U};
    fields.content_encoding = {coding, coding.empty() ? 0U : 1U};
    return is_encoded(fields);
  };
  for (const char *type : {"", "application/json", "application/JSON", "text/plain", "application/json; charset=utf-8",
                           "application/json;CHARSET=\"UTF-8\"", "application/json ; charset=utf8 ; x=y",
                           "text/plain; x=\"a; b\"; charset=utf-8"}) {
    EXPECT_FALSE(encoded(type, "")) << type;
    EXPECT_FALSE(encoded(type, "identity")) << type;
    for (const char *coding : {"gzip", "GZIP", "deflate", "br", "identity, gzip", "aes128gcm", "x"}) {
      EXPECT_TRUE(encoded(type, coding)) << coding;
    }
  }
  for (const char *type :
       {"application/json; charset=utf-16", "application/json;charset=utf-7", "text/plain; charset=\"UTF-16LE\"",
        "text/plain; charset=latin1", "text/plain; charset=utf-8; charset=utf-16",
        "text/plain; charset=", "text/plain; charset", "text/plain; charset = utf-16",
        // As others read it: RFC 2231, semicolons in quotes, other blanks, no semicolon.
        "application/json; charset*0=utf-7", "application/json; charset*0=\"utf\"; charset*1=\"-7\"",
        "application/json; charset*=us-ascii''utf-7", "application/json; charset=utf-8; charset*0=utf-7",
        "application/json; charset=utf-8; charset=utf-8", "text/plain; x=\"; charset=utf-16\"",
        "application/json;\vcharset=utf-7", "application/json;\fcharset=utf-7",
        "application/json;\x85"
        "charset=utf-7",
        "application/json;\xa0"
        "charset=utf-7",
        "application/json charset=utf-7", "application/json; ch%61rset=utf-7", "application/json; \"charset\"=utf-7",
        "application/json, text/plain; CHARSET=utf-7", "charset=utf-8"}) {
    EXPECT_TRUE(encoded(type, "")) << type;
  }
  Fields twice;
  twice.content_type = {"application/json", 2};
  EXPECT_TRUE(is_encoded(twice));
  twice = {};
  twice.content_encoding = {"identity", 2};
  EXPECT_TRUE(is_encoded(twice));
  Fields gzip;
  gzip.content_encoding = field("gzip");
  EXPECT_EQ(make_call(*read(R"({"id":1,"method":"ping"})"), gzip).fault, Fault::no_message);
}

TEST(McpFields, MakeACall) {
  auto message = read(request("tools/call", R"("name":"deploy")"));
  Call call = make_call(*message, {});
  EXPECT_EQ(call.kind, MessageKind::request);
  EXPECT_EQ(call.id, "1");
  EXPECT_EQ(call.method, "tools/call");
  EXPECT_EQ(call.name, "deploy");
  EXPECT_TRUE(call.takes_tool_result);
  EXPECT_FALSE(call.is_discover);
  EXPECT_FALSE(make_call(*read(request("tools/call", R"("name":"deploy","task":{})")), {}).takes_tool_result);
  EXPECT_FALSE(make_call(*read(R"({"method":"tools/call","params":{"name":"a"}})"), {}).takes_tool_result);
  EXPECT_FALSE(make_call(*read(request("prompts/get", R"("name":"deploy")")), {}).takes_tool_result);

  Fields discover;
  discover.method = field("server/discover");
  EXPECT_TRUE(make_call(discover).is_discover);
  EXPECT_TRUE(make_call(*read("{"), discover).is_discover);
  EXPECT_TRUE(make_call(*read(request("server/discover", "")), {}).is_discover);
  EXPECT_FALSE(make_call(*read(request("ping", "")), discover).is_discover);
  discover.version = field("2026-07-28");
  call = make_call(*read("["), discover);
  EXPECT_EQ(call.fault, Fault::not_json);
  EXPECT_EQ(call.era, Era::modern);
  EXPECT_EQ(call.kind, MessageKind::unreadable);
  EXPECT_EQ(call.id, "");
}

TEST(McpFields, HaveCodes) {
  EXPECT_EQ(rpc_code(Fault::none, Era::modern), 0);
  EXPECT_EQ(rpc_code(Fault::not_json, Era::modern), -32700);
  EXPECT_EQ(rpc_code(Fault::no_message, Era::legacy), -32600);
  EXPECT_EQ(rpc_code(Fault::no_version, Era::modern), -32602);
  EXPECT_EQ(rpc_code(Fault::field_differs, Era::modern), -32020);
  EXPECT_EQ(rpc_code(Fault::field_differs, Era::legacy), -32600);
}

TEST(McpHttpMethod, IsJudgedByItself) {
  const auto judge = [](std::string_view method, Era era, HttpRequest request = {}) {
    request.method = method;
    return judge_http_method(request, era);
  };
  HttpRequest body;
  body.has_message = true;
  for (const Era era : {Era::legacy, Era::modern}) {
    EXPECT_EQ(judge("POST", era), HttpVerdict::read_body);
    EXPECT_EQ(judge("OPTIONS", era), HttpVerdict::options);
    for (const char *method : {"PUT", "PATCH", "TRACE", "post", "", "PROPFIND"}) {
      EXPECT_EQ(judge(method, era), HttpVerdict::not_allowed) << method;
    }
    for (const char *method : {"GET", "HEAD", "DELETE", "OPTIONS"}) {
      EXPECT_EQ(judge(method, era, body), HttpVerdict::has_message) << method;
    }
  }
  for (const char *method : {"GET", "HEAD", "DELETE"}) {
    EXPECT_EQ(judge(method, Era::legacy), HttpVerdict::needs_credential) << method;
    EXPECT_EQ(judge(method, Era::modern), HttpVerdict::not_allowed) << method;
  }
  HttpRequest open;
  open.accepts_anonymous = true;
  EXPECT_EQ(judge("GET", Era::legacy, open), HttpVerdict::open_to_anonymous);
  EXPECT_EQ(judge("DELETE", Era::legacy, open), HttpVerdict::needs_credential);
  open.resumes = true;
  EXPECT_EQ(judge("GET", Era::legacy, open), HttpVerdict::not_allowed);
  EXPECT_EQ(judge("HEAD", Era::legacy, open), HttpVerdict::not_allowed);
  open.has_credential = true;
  EXPECT_EQ(judge("GET", Era::legacy, open), HttpVerdict::open_to_anonymous);
}

}  // namespace
}  // namespace keyward::mcp
