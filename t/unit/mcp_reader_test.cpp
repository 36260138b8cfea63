// Reading JSON-RPC messages: what is kept, and what is refused because some parser would read something else.
#include "mcp/reader.hpp"

#include <gtest/gtest.h>
#include <malloc.h>

#include "mcp_fixture.hpp"

namespace keyward::mcp {
namespace {

using test::read;
using test::request;

Fault fault_of(std::string_view body) {
  const Fault fault = read(body)->fault();
  for (std::size_t size = 1; size < 6; ++size) {
    EXPECT_EQ(read(body, size)->fault(), fault) << body << " by " << size;
  }
  return fault;
}

TEST(McpReader, KeepsWhatACallIsAbout) {
  const std::string body = R"({"jsonrpc":"2.0","id":"a\"1","method":"tools/call","params":{"name":"gr\u00fc\u00df",)"
                           R"("arguments":{"name":"no","method":"no"},"_meta":{"progressToken":1,)"
                           R"("io.modelcontextprotocol/protocolVersion":"2026-07-28"}}})";
  for (std::size_t size = 1; size <= body.size(); ++size) {
    const auto message = read(body, size);
    EXPECT_EQ(message->fault(), Fault::none) << message->problem();
    EXPECT_EQ(message->problem(), nullptr);
    EXPECT_EQ(message->kind(), MessageKind::request);
    EXPECT_EQ(message->id(), R"("a\"1")");
    EXPECT_EQ(message->method_text(), "tools/call");
    EXPECT_EQ(message->method(), Method::tools_call);
    EXPECT_EQ(message->name(), "gr\xc3\xbc\xc3\x9f");
    EXPECT_EQ(message->version(), "2026-07-28");
    EXPECT_FALSE(message->has_task());
    EXPECT_FALSE(message->is_continued());
  }
}

TEST(McpReader, TellsKindsApart) {
  EXPECT_EQ(read(R"({"id":1,"method":"ping"})")->kind(), MessageKind::request);
  EXPECT_EQ(read(R"({"method":"ping"})")->kind(), MessageKind::notification);
  EXPECT_EQ(read(R"({"method":"tools/call","params":{"name":"a"}})")->kind(), MessageKind::notification);
  EXPECT_EQ(read(R"({"id":1,"result":{}})")->kind(), MessageKind::response);
  EXPECT_EQ(read(R"({"id":1,"error":{"code":1,"message":""}})")->kind(), MessageKind::response);
  EXPECT_EQ(read("[]")->kind(), MessageKind::unreadable);
}

TEST(McpReader, FindsTheNameWhereTheMethodHasIt) {
  for (const char *method : {"tools/call", "prompts/get"}) {
    EXPECT_EQ(read(request(method, R"("name":"n","uri":"u","taskId":"t")"))->name(), "n");
    EXPECT_EQ(fault_of(request(method, R"("uri":"u","taskId":"t")")), Fault::no_message);
  }
  for (const char *method : {"resources/read", "resources/subscribe", "resources/unsubscribe"}) {
    EXPECT_EQ(read(request(method, R"("name":"n","uri":"u","taskId":"t")"))->name(), "u");
    EXPECT_EQ(fault_of(request(method, R"("name":"n","taskId":"t")")), Fault::no_message);
  }
  for (const char *method : {"tasks/get", "tasks/result", "tasks/update", "tasks/cancel"}) {
    EXPECT_EQ(read(request(method, R"("name":"n","uri":"u","taskId":"t")"))->name(), "t");
    EXPECT_EQ(fault_of(request(method, R"("name":"n","uri":"u")")), Fault::no_message);
  }
  EXPECT_EQ(read(request("tools/list", R"("name":"n","uri":7)"))->name(), "");
  EXPECT_EQ(fault_of(request("tools/list", R"("name":1,"uri":[])")), Fault::none);
  for (const char *value : {"1", "null", "true", "{}", "[\"a\"]"}) {
    EXPECT_EQ(fault_of(request("tools/call", std::string("\"name\":") + value)), Fault::no_message) << value;
  }
  EXPECT_EQ(fault_of(R"({"id":1,"method":"tools/call"})"), Fault::no_message);
}

TEST(McpReader, ReadsParamsInFrontOfTheMethod) {
  const auto message = read(R"({"params":{"name":"deploy","task":{}},"method":"tools/call","id":-7})");
  EXPECT_EQ(message->name(), "deploy");
  EXPECT_EQ(message->id(), "-7");
  EXPECT_TRUE(message->has_task());
}

TEST(McpReader, KeepsWhatLeadsToOtherNames) {
  auto message = read(request("completion/complete", R"("ref":{"type":"ref/prompt","name":"p"},"argument":{})"));
  EXPECT_EQ(message->ref_name(), "p");
  EXPECT_FALSE(message->has_ref_uri());
  message = read(request("completion/complete", R"("ref":{"type":"ref/resource","uri":"file:///{a}","name":"x"})"));
  EXPECT_EQ(message->ref_uri(), "file:///{a}");
  EXPECT_TRUE(message->has_ref_name());
  for (const char *params : {"", R"("ref":1)", R"("ref":{})", R"("ref":{"type":"ref/prompt"})", R"("ref":{"name":1})",
                             R"("ref":{"name":"a","uri":null})"}) {
    EXPECT_EQ(fault_of(request("completion/complete", params)), Fault::no_message) << params;
  }

  message = read(request("subscriptions/listen",
                         R"("notifications":{"toolsListChanged":true,"resourceSubscriptions":["a:b","c:d"],)"
                         R"("taskIds":["t1","t2","t3"]})"));
  ASSERT_EQ(message->listed_count(), 5U);
  EXPECT_EQ(message->listed(1), "c:d");
  EXPECT_FALSE(message->is_listed_task(1));
  EXPECT_EQ(message->listed(4), "t3");
  EXPECT_TRUE(message->is_listed_task(4));
  for (const char *lists : {R"({"resourceSubscriptions":"a:b"})", R"({"taskIds":[1]})", R"({"taskIds":[["t"]]})",
                            R"({"resourceSubscriptions":{"0":"a:b"}})", R"({"taskIds":null})", "[]", "null"}) {
    EXPECT_EQ(fault_of(request("subscriptions/listen", std::string("\"notifications\":") + lists)), Fault::no_message)
        << lists;
  }
  EXPECT_EQ(fault_of(request("subscriptions/listen", R"("notifications":{"tasks":[["t"]]})")), Fault::none);
  EXPECT_EQ(read(request("subscriptions/listen", R"("x":{"taskIds":["t"]})"))->listed_count(), 0U);
}

TEST(McpReader, RefusesWhatIsNoSingleMessage) {
  for (const char *body : {"", " ", "{", R"({"method":"ping"}{"method":"ping"})", R"({"method":"ping"} x)",
                           "{\"method\":\"ping\"}\n{\"method\":\"tools/call\"}", "\xef\xbb\xbf{\"method\":\"ping\"}",
                           "{\"method\":\"p\xffng\"}", R"({"method":"ping",})", R"({'method':'ping'})",
                           R"({"method":"ping"/**/})", "{\"method\":\"ping\"}\0", R"({"method":"\u12"})"}) {
    EXPECT_EQ(fault_of(body),
              body[0] != '\0' && std::string_view(body) == R"({"method":"ping"})" ? Fault::none : Fault::not_json)
        << body;
  }
  EXPECT_EQ(fault_of(std::string_view("{\"method\":\"ping\"}\0", 18)), Fault::not_json);
  for (const char *body :
       {"[]", R"([{"method":"ping"},{"method":"tools/call","params":{"name":"deploy"}}])", R"([{"method":"ping"}])",
        "1", "\"ping\"", "null", "{}", R"({"id":1})", R"({"jsonrpc":"2.0","id":1,"params":{}})"}) {
    EXPECT_EQ(fault_of(body), Fault::no_message) << body;
  }
}

TEST(McpReader, RefusesAMethodBesideAResult) {
  EXPECT_EQ(fault_of(R"({"id":1,"method":"ping","result":{}})"), Fault::no_message);
  EXPECT_EQ(fault_of(R"({"id":1,"result":{},"method":"tools/call"})"), Fault::no_message);
  EXPECT_EQ(fault_of(R"({"id":1,"method":"ping","error":{}})"), Fault::no_message);
  EXPECT_EQ(fault_of(R"({"id":1,"result":{},"error":{}})"), Fault::no_message);
}

TEST(McpReader, RefusesValuesOfAnotherType) {
  for (const char *value : {"1", "null", "[\"ping\"]", "{}", "true"}) {
    EXPECT_EQ(fault_of(std::string(R"({"id":1,"method":)") + value + '}'), Fault::no_message) << value;
  }
  for (const char *value : {"[]", "null", "1", "\"a\"", "[{\"name\":\"a\"}]"}) {
    EXPECT_EQ(fault_of(std::string(R"({"id":1,"method":"ping","params":)") + value + '}'), Fault::no_message) << value;
  }
}

TEST(McpReader, TakesIdsThatAreStringsOrWholeNumbers) {
  for (const char *id : {"0", "-1", "12345678901234567890123", "\"\"", "\"a\"", R"("\ud800")", "\"\xc3\xa9\""}) {
    for (std::size_t size = 1; size < 4; ++size) {
      const auto message = read(std::string(R"({"method":"ping","id":)") + id + '}', size);
      EXPECT_EQ(message->fault(), Fault::none) << id;
      EXPECT_EQ(message->id(), id);
    }
  }
  for (const char *id : {"null", "1.5", "1.0", "1e3", "1E0", "true", "[1]", "{}", "{\"a\":1}"}) {
    const auto message = read(std::string(R"({"method":"ping","id":)") + id + '}');
    EXPECT_EQ(message->fault(), Fault::no_message) << id;
    EXPECT_EQ(message->id(), "") << id;
  }
}

TEST(McpReader, EchoesTheIdOfWhatItRefuses) {
  const auto message = read(R"({"method":"a","method":"b","params":{"name":1},"id":"x"})");
  EXPECT_EQ(message->fault(), Fault::no_message);
  EXPECT_EQ(message->id(), "\"x\"");
  EXPECT_EQ(message->method_text(), "");
  EXPECT_EQ(message->kind(), MessageKind::unreadable);
  EXPECT_EQ(read(R"({"method":"a","id":1,"id":2})")->id(), "");
  EXPECT_EQ(read(R"({"method":"a","id":1)")->id(), "");  // in invalid JSON no id can be read
  EXPECT_EQ(read(R"({"id":1,"method":"a","method":"b"} x)")->id(), "");
}

TEST(McpReader, RefusesMembersGivenTwice) {
  for (const char *body :
       {R"({"method":"tools/list","method":"tools/call","id":1})", R"({"method":"ping","m\u0065thod":"tools/call"})",
        R"({"method":"ping","x":1,"x":1})", R"({"method":"ping","params":{},"params":{}})",
        R"({"method":"ping","params":{"a":1,"b":2,"a":1}})",
        R"({"method":"ping","params":{"name":"a","n\u0061me":"b"}})",
        R"({"method":"ping","params":{"_meta":{"a":1,"\u0061":1}}})",
        R"({"method":"ping","params":{"_meta":{},"_meta":{}}})",
        R"({"method":"ping","params":{"ref":{"name":"a","name":"b"}}})",
        R"({"method":"ping","params":{"notifications":{"taskIds":[],"taskIds":[]}}})",
        R"({"method":"ping","x":{"y":{}},"z":1,"x":{}})"}) {
    EXPECT_EQ(fault_of(body), Fault::no_message) << body;
  }
  // Elsewhere they are the backend's business, and equal names of different objects aren't the same member.
  EXPECT_EQ(fault_of(request("tools/call", R"("name":"a","arguments":{"a":1,"a":2,"name":{"name":1}})")), Fault::none);
  EXPECT_EQ(fault_of(R"({"method":"ping","x":1,"params":{"x":1,"_meta":{"x":1},"ref":{"x":1},"y":2},"y":1})"),
            Fault::none);
}

TEST(McpReader, RefusesMembersThatSomeParsersTakeForOthers) {
  const char *const names[] = {"jsonrpc", "method", "params", "id",        "result",        "error", "name",
                               "uri",     "taskId", "ref",    "arguments", "notifications", "_meta"};
  const auto variants = [](std::string name) {
    std::vector<std::string> all;
    std::string upper = name, last = name;
    for (char &c : upper) {
      c = static_cast<char>(std::toupper(c));
    }
    last.back() = static_cast<char>(std::toupper(last.back()) == last.back() ? std::tolower(last.back())
                                                                             : std::toupper(last.back()));
    all = {upper, last, name + "\\u0000", "\\u0000" + name, name + "\\u0000x", upper + "\\u0000"};
    std::string inside = name;
    all.push_back(inside.insert(1, "\\u0000"));
    const auto replace = [&](char c, const char *by) {
      if (const std::size_t at = name.find(c); at != std::string::npos) {
        std::string changed = name;
        all.push_back(changed.replace(at, 1, by));
      }
    };
    replace('s', "\xc5\xbf");
    replace('s', "\\u017f");
    replace('k', "\xe2\x84\xaa");
    replace('k', "\\u212A");
    replace('i', "\xc4\xb1");
    replace('i', "\xc4\xb0");
    return all;
  };
  for (const char *name : names) {
    for (const std::string &variant : variants(name)) {
      const std::string member = '"' + variant + "\":1";
      EXPECT_EQ(fault_of(R"({"method":"ping","id":1,)" + member + '}'), Fault::no_message) << member;
      EXPECT_EQ(fault_of(request("ping", member)), Fault::no_message) << member;
      for (const char *object : {"_meta", "ref", "notifications"}) {
        EXPECT_EQ(fault_of(request("ping", '"' + std::string(object) + "\":{" + member + '}')), Fault::no_message)
            << member;
      }
      EXPECT_EQ(fault_of(request("tools/call", R"("name":"a","arguments":{)" + member + '}')), Fault::none) << member;
    }
  }
  // What is read besides, in the object where it means something.
  for (const char *params :
       {R"("Task":1)", R"("ta\u017fk":1)", R"("inputresponses":1)", R"("RequestState":1)", R"("ref":{"Type":1})",
        R"("notifications":{"resourcesubscriptions":[]})", R"("notifications":{"TaskIDs":[]})",
        R"("_meta":{"io.modelcontextprotocol/protocolversion":"2025-03-26"})"}) {
    EXPECT_EQ(fault_of(request("ping", params)), Fault::no_message) << params;
  }
  EXPECT_EQ(fault_of(request("ping", R"("Type":1,"_meta":{"Task":1},"cursor":"x","methods":1,"nam":1,"ids":1)")),
            Fault::none);
  EXPECT_EQ(fault_of(R"({"method":"ping","Method":"tools/call"})"), Fault::no_message);
  EXPECT_EQ(fault_of(R"({"METHOD":"tools/call","id":1})"), Fault::no_message);
  const std::string nuls(1000, 'x');
  std::string many = "method";
  for (int i = 0; i < 200; ++i) {
    many += "\\u0000";
  }
  EXPECT_EQ(fault_of(R"({"method":"ping",")" + many + R"(":1})"), Fault::no_message);
}

TEST(McpReader, RefusesLoneSurrogatesInNames) {
  for (const char *body : {R"({"method":"ping","\ud800":1})", R"({"method":"pi\udc00ng"})",
                           R"({"method":"ping","params":{"_meta":{"a\ud800b":1}}})",
                           R"({"method":"tools/call","params":{"name":"a\ud800"}})",
                           R"({"method":"tools/call","params":{"name":"a\u0000"}})", R"({"method":"ping\u0000"})"}) {
    EXPECT_EQ(fault_of(body), Fault::no_message) << body;
  }
  EXPECT_EQ(fault_of(request("tools/call", R"("name":"\ud83d\ude00","arguments":{"\ud800":"\ud800"})")), Fault::none);
}

TEST(McpReader, BoundsWhatItKeeps) {
  const auto call = [](std::size_t size) {
    return request("tools/call", "\"name\":\"" + std::string(size, 'a') + '"');
  };
  EXPECT_EQ(fault_of(call(kMaxKeptText)), Fault::none);
  EXPECT_EQ(read(call(kMaxKeptText))->name().size(), kMaxKeptText);
  EXPECT_EQ(fault_of(call(kMaxKeptText + 1)), Fault::no_message);
  EXPECT_EQ(read(call(kMaxKeptText + 1))->id(), "1");

  const auto listen = [](std::size_t count) {
    std::string list;
    for (std::size_t i = 0; i < count; ++i) {
      list += (i == 0 ? "\"" : ",\"") + std::to_string(i) + '"';
    }
    return request("subscriptions/listen", R"("notifications":{"taskIds":[)" + list + "]}");
  };
  EXPECT_EQ(read(listen(kMaxListed))->listed(kMaxListed - 1), std::to_string(kMaxListed - 1));
  EXPECT_EQ(read(listen(kMaxListed + 1))->fault(), Fault::no_message);

  const auto members = [](std::size_t count) {
    std::string all = "\"m0\":0";
    for (std::size_t i = 1; i < count; ++i) {
      all += ",\"m" + std::to_string(i) + "\":0";
    }
    return request("ping", all);
  };
  EXPECT_EQ(read(members(kMaxMembers))->fault(), Fault::none);
  EXPECT_EQ(read(members(kMaxMembers + 1))->fault(), Fault::no_message);
  EXPECT_EQ(read(request("ping", "\"" + std::string(500, 'a') + "\":1,\"" + std::string(501, 'a') + "\":2"))->fault(),
            Fault::none);
  EXPECT_EQ(fault_of(request("ping", "\"" + std::string(500, 'a') + "\":1,\"" + std::string(500, 'a') + "\":2")),
            Fault::no_message);
}

TEST(McpReader, NestsSoDeep) {
  const auto nested = [](std::size_t depth) {
    return request("tools/call", R"("name":"a","arguments":)" + std::string(depth, '[') + std::string(depth, ']'));
  };
  EXPECT_EQ(fault_of(nested(126)), Fault::none);
  EXPECT_EQ(fault_of(nested(127)), Fault::not_json);
}

TEST(McpReader, DigestsParamsWithoutMeta) {
  const auto digest = [](const std::string &params, std::size_t size = 1000) {
    const auto message = read(request("tools/call", params), size, true);
    EXPECT_EQ(message->fault(), Fault::none) << message->problem();
    return message->params_digest();
  };
  const std::string params = R"("name":"a","arguments":{"x":[1,"\u00e9",{}],"_meta":{}})";
  const Sha256 usual = digest(params);
  EXPECT_NE(usual, Sha256{});
  EXPECT_EQ(digest(params + R"(,"_meta":{"progressToken":1})"), usual);
  EXPECT_EQ(digest(R"("_meta":{"progressToken":[2,{"a":"b"}]},)" + params), usual);
  for (std::size_t size = 1; size < 30; ++size) {
    EXPECT_EQ(digest(params + R"( , "_meta" : null )", size), usual);
  }
  EXPECT_NE(digest(R"("name":"b","arguments":{"x":[1,"\u00e9",{}],"_meta":{}})"), usual);
  EXPECT_NE(digest(R"("name":"a","arguments":{"x":[1,"\u00e9",{}],"_meta":{"a":1}})"), usual);
  EXPECT_NE(digest(R"("name":"a","argumentz":{"x":[1,"\u00e9",{}],"_meta":{}})"), usual);
  EXPECT_NE(digest(params + R"(,"x":1)"), usual);
  EXPECT_EQ(read(request("tools/call", params))->params_digest(), Sha256{});
  EXPECT_TRUE(read(request("tools/call", R"("name":"a","inputResponses":{})"))->is_continued());
  EXPECT_TRUE(read(request("tools/call", R"("name":"a","requestState":"x")"))->is_continued());
}

TEST(McpReader, AllocatesNothingInTheUsualCase) {
  const std::string usual = request(
      "tools/call", R"("name":"search","arguments":{"query":")" + std::string(60000, 'q') +
                        R"("},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","progressToken":1})");
  const std::string large = request("tools/call", "\"name\":\"" + std::string(2000, 'a') + '"');
  const auto allocated_by = [](const std::string &body) {
    const auto before = mallinfo2().uordblks;
    Message message;
    MessageReader reader(&message, true);
    reader.read(body);
    reader.finish();
    return mallinfo2().uordblks - before;
  };
  EXPECT_EQ(allocated_by(usual), 0U);
#ifndef __SANITIZE_ADDRESS__  // which has an allocator of its own
  EXPECT_GT(allocated_by(large), 0U);
#endif
}

TEST(McpReader, HoldsTheUsualMessageWithoutMuch) {
  EXPECT_LE(sizeof(Message), 1024U);
  EXPECT_LE(sizeof(MessageReader), 1024U);
}

}  // namespace
}  // namespace keyward::mcp
