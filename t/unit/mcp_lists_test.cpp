// Lists, filtered: whole answers and event streams.
#include <gtest/gtest.h>

#include <random>

#include "json/json.hpp"
#include "mcp/list_filter.hpp"

namespace keyward::mcp {
namespace {

Rule rule(std::string_view text, std::string_view scope, bool refuse = false) {
  Rule made;
  const Wrong wrong = parse_rule(text, &made);
  EXPECT_FALSE(wrong) << *wrong;
  if (!scope.empty()) {
    made.scopes.emplace_back(scope);
  }
  made.refuse = refuse;
  return made;
}

const RuleList &rules() {
  static const RuleList list = [] {
    std::vector<Rule> all = {rule("tools/call:open*", ""),     rule("tools/call:a*", "a"),
                             rule("tools/call:b*", "b"),       rule("tools/call:*never", "", true),
                             rule("prompts/get:a*", "a"),      rule("resources/read:a:*", "a"),
                             rule("resources/read:open:*", "")};
    return RuleList(std::move(all), {});
  }();
  return list;
}

const Grants kNone, kA("a", {}), kAll = Grants::all();

ListReader reader(const Grants &grants, Era era = Era::legacy, std::string_view id = {}) {
  ListReader made;
  made.rules = &rules();
  made.grants = &grants;
  made.era = era;
  made.id = id;
  return made;
}

// What passes; "502" where nothing does.
std::string filter(const ListReader &reader, std::string_view answer) {
  std::string out;
  switch (filter_list(reader, answer, &out)) {
    case ListVerdict::unchanged:
      EXPECT_EQ(out, "");
      return std::string(answer);
    case ListVerdict::changed:
      return out;
    case ListVerdict::unreadable:
      return "502";
  }
  return "";
}

std::string result(std::string_view members) {
  return R"({"jsonrpc":"2.0","id":1,"result":{)" + std::string(members) + "}}";
}

TEST(McpList, LosesWhatTheCallerCouldNotCall) {
  const std::string all = result(
      R"("tools":[{"name":"open"}, {"name":"a1","inputSchema":{"name":"b"}} ,{"name":"b1"},{"description":"x","name":"a2"}])");
  EXPECT_EQ(
      filter(reader(kA), all),
      result(R"("tools":[{"name":"open"}, {"name":"a1","inputSchema":{"name":"b"}},{"description":"x","name":"a2"}])"));
  EXPECT_EQ(filter(reader(kNone), all), result(R"("tools":[{"name":"open"}])"));
  EXPECT_EQ(filter(reader(kAll), all), all);
  EXPECT_EQ(filter(reader(kNone), result(R"("tools":[{"name":"b1"} , {"name":"b2"}],"nextCursor":"x")")),
            result(R"("tools":[],"nextCursor":"x")"));
  EXPECT_EQ(filter(reader(kNone), result(R"("tools":[ {"name":"b1"} , {"name":"open"} ])")),
            result(R"("tools":[ {"name":"open"} ])"));
  EXPECT_EQ(filter(reader(kNone), result(R"("tools":[])")), result(R"("tools":[])"));
  // What is refused to all, and what no rule covers, is seen by nobody.
  EXPECT_EQ(filter(reader(kAll), result(R"("tools":[{"name":"open_never"},{"name":"unknown"},{"name":"b"}])")),
            result(R"("tools":[{"name":"b"}])"));
  EXPECT_EQ(filter(reader(kNone), result(R"("tools":[{"n\u0061me":"\u0062"},{"name":"\u006fpen"}])")),
            result(R"("tools":[{"name":"\u006fpen"}])"));
}

TEST(McpList, OfEveryKind) {
  EXPECT_EQ(filter(reader(kNone), result(R"("prompts":[{"name":"a"}])")), result(R"("prompts":[])"));
  EXPECT_EQ(filter(reader(kA), result(R"("prompts":[{"name":"a"}])")), result(R"("prompts":[{"name":"a"}])"));
  EXPECT_EQ(filter(reader(kNone), result(R"("resources":[{"uri":"a:1","name":"open"},{"uri":"open:1"}])")),
            result(R"("resources":[{"uri":"open:1"}])"));
  EXPECT_EQ(filter(reader(kNone), result(R"("resources":[{"uri":"open:a\\b"},{"uri":"open:a%2fb"},{"uri":"open:1"}])")),
            result(R"("resources":[{"uri":"open:1"}])"));
  EXPECT_EQ(filter(reader(kNone), result(R"("resourceTemplates":[{"uriTemplate":"a:{x}"},{"uriTemplate":"{x}"},)"
                                         R"({"uriTemplate":"open:{x}/y"},{"uriTemplate":"b:{x}"}])")),
            result(R"("resourceTemplates":[{"uriTemplate":"{x}"},{"uriTemplate":"open:{x}/y"}])"));
}

TEST(McpList, IsPrivateInTheModernEra) {
  EXPECT_EQ(filter(reader(kA, Era::modern), result(R"("tools":[{"name":"a"}])")),
            result(R"("cacheScope":"private","tools":[{"name":"a"}])"));
  EXPECT_EQ(filter(reader(kA, Era::modern),
                   result(R"("tools":[{"name":"b"},{"name":"a"}],"cacheScope": "public" ,"ttlMs":1)")),
            result(R"("tools":[{"name":"a"}],"cacheScope": "private" ,"ttlMs":1)"));
  EXPECT_EQ(filter(reader(kA, Era::modern), result(R"("cacheScope":null,"tools":[])")),
            result(R"("cacheScope":"private","tools":[])"));
  const std::string good = result(R"("cacheScope":"private","tools":[])");
  EXPECT_EQ(filter(reader(kA, Era::modern), good), good);
  EXPECT_EQ(filter(reader(kAll, Era::modern), result(R"("tools":[])")), result(R"("cacheScope":"private","tools":[])"));
  EXPECT_EQ(filter(reader(kA), result(R"("cacheScope":"public","tools":[])")),
            result(R"("cacheScope":"public","tools":[])"));
}

TEST(McpList, LeavesOtherAnswersAlone) {
  for (const char *answer :
       {R"({"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"no","data":{"tools":[{"name":"b"}]}}})",
        R"({"jsonrpc":"2.0","id":1,"result":{"content":[{"name":"b"}],"structuredContent":{"tools":[{"name":"b"}]}}})",
        R"({"jsonrpc":"2.0","method":"notifications/message","params":{"tools":[{"name":"b"}]}})",
        R"({"jsonrpc":"2.0","id":1,"result":{"capabilities":{"tools":{}}}})", R"({"id":1,"result":[{"name":"b"}]})"}) {
    EXPECT_EQ(filter(reader(kNone), answer), answer);
    EXPECT_EQ(filter(reader(kNone, Era::modern), answer), answer);
  }
}

TEST(McpList, TakesOutEntriesWhoseNameCanNotBeRead) {
  EXPECT_EQ(filter(reader(kNone),
                   result(R"("tools":[1,"open",null,[{"name":"open"}],{},{"name":1},{"name":"open","name":"b"},)"
                          R"({"name":"open\ud800"},{"name":"open\u0000"},{"Name":"open"},{"name":"open"}])")),
            result(R"("tools":[{"name":"open"}])"));
}

TEST(McpList, ThatCanNotBeReadPassesToWhoeverSatisfiesEveryRule) {
  const RuleList open({rule("tools/call:a*", "a")}, {});
  for (const char *answer :
       {"", "{", "no JSON", "\xef\xbb\xbf{}", R"([{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a"}]}}])", "{}{}",
        "7", R"({"result":{"tools":[{"name":"a"}]},"result":{"tools":[]}})",
        R"({"result":{"tools":[],"tools":[{"name":"a"}]}})", R"({"result":{"tools":{"0":{"name":"a"}}}})",
        R"({"result":{"tools":null}})", R"({"result":{"tools":[],"cacheScope":[]}})",
        "{\"result\":{\"tools\":[{\"name\":\"a\xff\"}]}}"}) {
    EXPECT_EQ(filter(reader(kAll), answer), "502") << answer;  // there is a tool that is refused to all
    ListReader own = reader(kNone);
    own.rules = &open;
    EXPECT_EQ(filter(own, answer), "502") << answer;
    own.grants = &kA;
    EXPECT_EQ(filter(own, answer), answer);
  }
  ListReader bounded = reader(kNone);
  const std::string answer = result(R"("tools":[])");
  bounded.bound = answer.size();
  EXPECT_EQ(filter(bounded, answer), answer);
  bounded.bound = answer.size() - 1;
  EXPECT_EQ(filter(bounded, answer), "502");
}

// Event streams.

std::string stream(const ListReader &reader, std::string_view text, std::size_t size = 100000, bool *whole = nullptr) {
  EventStreamFilter filter(reader);
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += size) {
    if (!filter.read(text.substr(at, size), &out)) {
      if (whole != nullptr) {
        *whole = false;
      }
      return out;
    }
  }
  filter.finish(&out);
  return out;
}

void expect_stream(const ListReader &reader, std::string_view text, std::string_view expected) {
  for (std::size_t size = 1; size < text.size() + 2; size += size < 20 ? 1 : 13) {
    EXPECT_EQ(stream(reader, text, size), expected) << "by " << size;
  }
}

const std::string kError =
    R"({"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"upstream answer can't be filtered"}})";

TEST(McpEvents, AreFilteredOneByOne) {
  const std::string other = "event: message\r\nid: 7\r\ndata: {\"method\":\"notifications/progress\"}\r\n\r\n";
  for (const char *end : {"\n", "\r\n", "\r"}) {
    const std::string list = R"("tools":[{"name":"open"},{"name":"b"}])", less = R"("tools":[{"name":"open"}])";
    const std::string e = end;
    const auto event = [&](const std::string &members) {
      return ": comment" + e + "id:x" + e + "data:" + result(members) + e + "retry: 5" + e + e;
    };
    expect_stream(reader(kNone, Era::legacy, "1"), other + event(list) + other + event(list) + e + e,
                  other + event(less) + other + event(less) + e + e);
  }
  expect_stream(reader(kNone), "data: " + result(R"("tools":[{"name":"b"}])"), "data: " + result(R"("tools":[])"));
  expect_stream(reader(kNone),
                "\xef\xbb\xbf"
                "data: " +
                    result(R"("tools":[{"name":"b"}])") + "\n\n",
                "\xef\xbb\xbf"
                "data: " +
                    result(R"("tools":[])") + "\n\n");
  expect_stream(reader(kNone), "data\ndata: \n\n:\n\ndatax: {\n\ndat: {\n\n\n\r\n\r: x",
                "data\ndata: \n\n:\n\ndatax: {\n\ndat: {\n\n\n\r\n\r: x");
}

TEST(McpEvents, MayBeOfSeveralLines) {
  expect_stream(reader(kNone, Era::modern),
                "data: {\"id\":1,\"result\":{\ndata:\n: c\ndata: \"tools\":[{\"name\":\nid: "
                "3\ndata:\"b\"},{\"name\":\"open\"\ndata: },"
                "{\"name\":\"b\"}\ndata\ndata: ]}}\n\n",
                "data: {\"id\":1,\"result\":{\ndata:\n: c\ndata: \"cacheScope\":\"private\",\"tools\":[\nid: "
                "3\ndata:{\"name\":\"open\"\ndata: }"
                "\ndata\ndata: ]}}\n\n");
}

TEST(McpEvents, ThatCanNotBeReadBecomeErrors) {
  const ListReader post = reader(kNone, Era::legacy, "1");
  expect_stream(post, "id: 7\ndata: {\nevent: message\n\n", "id: 7\ndata: " + kError + "\nevent: message\n\n");
  expect_stream(post, "data: {\"id\":\ndata: 1,\ndata: [\n\n", "data: " + kError + "\ndata: \ndata: \n\n");
  expect_stream(post, "data: [{\"id\":1,\"result\":{}}]\n\n", "data: " + kError + "\n\n");
  expect_stream(
      post, "data: {\"id\":5,\"result\":{\"tools\":7}}\n\n",
      R"(data: {"jsonrpc":"2.0","id":5,"error":{"code":-32603,"message":"upstream answer can't be filtered"}})"
      "\n\n");
  // Nobody waits for what has no id.
  expect_stream(reader(kNone), "id: 7\ndata: no JSON\n\n", "id: 7\ndata: \n\n");
  const RuleList open({rule("tools/call:a*", "a")}, {});
  ListReader all = reader(kA);
  all.rules = &open;
  expect_stream(all, "data: no JSON\n\n", "data: no JSON\n\n");
}

TEST(McpEvents, AreHeldUpToTheBound) {
  const std::string big =
      "data: " + result(R"("tools":[{"name":"open"},{"name":"b"}],"x":")" + std::string(300, 'x') + '"') + "\n\n";
  const std::string small = "data: " + result(R"("tools":[{"name":"b"}])") + "\n\n";
  const std::string less = "data: " + result(R"("tools":[])") + "\n\n";
  ListReader post = reader(kNone, Era::legacy, "1");
  post.bound = 200;
  expect_stream(post, big + small, "data: " + kError + "\n\n" + less);
  ListReader get = reader(kNone);
  get.bound = 200;
  expect_stream(get, big + small, "data: " + kError + "\n\n" + less);  // its list was seen, and so was its id
  // On a GET stream another answer passes, however large.
  const std::string other = "data: " + result(R"("content":")" + std::string(300, 'x') + '"') + "\n\n";
  expect_stream(get, other + small, other + less);
  expect_stream(post, other + small, "data: " + kError + "\n\n" + less);
  // Unless a list comes in the end.
  const std::string late =
      "data: " + result(R"("content":")" + std::string(300, 'x') + R"(","tools":[{"name":"b"}])") + "\n\n";
  for (std::size_t size = 1; size < late.size(); ++size) {
    bool whole = true;
    const std::string passed = stream(get, late, size, &whole);
    EXPECT_FALSE(whole && size < 100);
    EXPECT_EQ(passed.find("{\"name\""), std::string::npos);
  }
  const RuleList open({rule("tools/call:a*", "a")}, {});
  ListReader all = reader(kA, Era::legacy, "1");
  all.rules = &open;
  all.bound = 200;
  expect_stream(all, big + small, big + less);
}

// Random lists against what reading them whole, dropping entries and comparing says.
TEST(McpList, IsWhatTheCallerCanCallAndNothingElseChanges) {
  std::mt19937 random(20261201);
  const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  const char *const names[] = {"open1", "open2_never", "a1", "a2", "b1", "b2", "never", "x", "\\u0061z"};
  const char *const blanks[] = {"", "", " ", "\n ", "\t"};
  const auto blank = [&] { return std::string(blanks[below(5)]); };
  for (int round = 0; round < 2000; ++round) {
    std::string list;
    const std::size_t count = below(8);
    for (std::size_t i = 0; i < count; ++i) {
      list += (i == 0 ? "" : ",") + blank() + R"({"title":"b","name")" + blank() + ":" + blank() + '"' +
              names[below(9)] + R"(","inputSchema":{"type":"object","n":)" + std::to_string(below(100)) + "}}" +
              blank();
    }
    const std::string answer =
        result("\"tools\":" + blank() + '[' + blank() + list + ']' + blank() + R"(,"x":[1,{"name":"b"}])");
    const Grants &grants = *std::array<const Grants *, 3>{&kNone, &kA, &kAll}[below(3)];
    const std::string passed = filter(reader(grants), answer);
    json::Value before, after;
    std::string error;
    ASSERT_TRUE(json::parse(answer, {}, &before, &error)) << error;
    ASSERT_TRUE(json::parse(passed, {}, &after, &error)) << error << passed;
    std::vector<json::Value> &tools = before.members[2].second.members[0].second.items;
    tools.erase(std::remove_if(tools.begin(), tools.end(),
                               [&](const json::Value &tool) {
                                 const Judgement judgement = rules().judge(Method::tools_call, tool.find("name")->text);
                                 return judgement.verdict != RuleVerdict::fine ||
                                        !rules().covers(judgement.matching, grants);
                               }),
                tools.end());
    EXPECT_EQ(json::Writer().value(after).text(), json::Writer().value(before).text()) << answer;
    // A stream says the same, however it is cut.
    std::string lines = answer;
    for (std::size_t at = 0; (at = lines.find('\n', at)) != std::string::npos; at += 7) {
      lines.replace(at, 1, "\ndata: ");
    }
    const std::string event = stream(reader(grants), "data: " + lines + "\n\n", 1 + below(50));
    std::string data;
    for (std::size_t at = 0; at < event.size();) {
      const std::size_t end = event.find('\n', at);
      data += end > at ? event.substr(at + 6, end - at - 6) + '\n' : "";
      at = end + 1;
    }
    ASSERT_TRUE(json::parse(data, {}, &after, &error)) << error << event;
    EXPECT_EQ(json::Writer().value(after).text(), json::Writer().value(before).text()) << event;
  }
}

}  // namespace
}  // namespace keyward::mcp
