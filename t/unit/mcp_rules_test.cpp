// Rules for methods and names: what matches, what is public, what nobody may, and what nginx -t says of them.
#include "mcp/rules.hpp"

#include <gtest/gtest.h>

#include "base/words.hpp"
#include "mcp/glob.hpp"
#include "mcp/uri.hpp"
#include "mcp_fixture.hpp"

namespace keyward::mcp {
namespace {

using test::read;
using test::request;

// "METHOD[:NAME] [public] [refuse] [more] [scope=A,B]", as in keyward_rpc; "tool NAME ..." as in keyward_tool.
Rule rule(std::string_view text) {
  Rule made;
  std::vector<std::string_view> words = split_list(text, ' ');
  const bool is_tool = words[0] == "tool";
  const Wrong wrong = is_tool ? parse_tool_rule(words[1], &made) : parse_rule(words[0], &made);
  EXPECT_FALSE(wrong) << *wrong;
  for (std::size_t i = is_tool ? 2 : 1; i < words.size(); ++i) {
    made.is_public = made.is_public || words[i] == "public";
    made.refuse = made.refuse || words[i] == "refuse";
    made.has_more = made.has_more || words[i] == "more";
    if (const auto scopes = option(words[i], "scope")) {
      for (const std::string_view scope : split_list(*scopes, ',')) {
        made.scopes.emplace_back(scope);
      }
    }
  }
  return made;
}

RuleList rules(std::initializer_list<std::string_view> texts, std::vector<std::string> public_methods = {}) {
  std::vector<Rule> all;
  for (const std::string_view text : texts) {
    all.push_back(rule(text));
  }
  return {std::move(all), std::move(public_methods)};
}

Judgement judge(const RuleList &list, std::string_view method, std::string_view params = {}) {
  const auto message = read(request(method, params));
  EXPECT_EQ(message->fault(), Fault::none) << message->problem();
  return list.judge(*message);
}

std::string places(const RuleSet &set) {
  std::string text;
  for (std::size_t i = set.next(0); i < kMaxRules; i = set.next(i + 1)) {
    text += std::to_string(i) + ' ';
    EXPECT_TRUE(set.has(i));
  }
  EXPECT_EQ(set.empty(), text.empty());
  return text;
}

Judgement call(const RuleList &list, std::string_view tool) {
  return judge(list, "tools/call", "\"name\":\"" + std::string(tool) + '"');
}
Judgement read_uri(const RuleList &list, std::string_view uri) {
  return judge(list, "resources/read", "\"uri\":\"" + std::string(uri) + '"');
}
Judgement complete_uri(const RuleList &list, std::string_view uri) {
  return judge(list, "completion/complete", R"("ref":{"uri":")" + std::string(uri) + R"("})");
}

TEST(McpRules, AllThatMatchHold) {
  const RuleList list = rules({"tools/call scope=a", "tool dep* scope=b", "tool deploy more", "tool other scope=c",
                               "prompts/get:deploy scope=d", "* more", "*:deploy more"});
  const Judgement deploy = call(list, "deploy");
  EXPECT_EQ(deploy.verdict, RuleVerdict::fine);
  EXPECT_EQ(places(deploy.matching), "0 1 2 5 6 ");
  EXPECT_EQ(places(call(list, "x").matching), "0 5 ");
  EXPECT_EQ(places(judge(list, "tools/list").matching), "5 ");
  EXPECT_TRUE(list.covers(deploy.matching, Grants("a b", {})));
  EXPECT_FALSE(list.covers(deploy.matching, Grants("a", {})));
  EXPECT_FALSE(list.covers(deploy.matching, Grants()));
  EXPECT_TRUE(list.covers(deploy.matching, Grants::all()));
}

TEST(McpRules, RefuseWhatTheySay) {
  const RuleList list = rules({"tool delete_* refuse", "tool *", "sampling/createMessage refuse"});
  EXPECT_EQ(call(list, "delete_all").verdict, RuleVerdict::refused);
  EXPECT_EQ(call(list, "list_all").verdict, RuleVerdict::fine);
  EXPECT_EQ(judge(list, "sampling/createMessage").verdict, RuleVerdict::refused);
}

TEST(McpRules, ArePublicWhereNoRuleThatMatchesHasAScope) {
  const RuleList list =
      rules({"tools/list public", "tool ping public", "tool p* more", "tool s* scope=s", "tool sing public"},
            {"initialize", "notifications/*", "made/*"});
  EXPECT_TRUE(judge(list, "tools/list").is_public);
  EXPECT_TRUE(judge(list, "initialize").is_public);
  EXPECT_TRUE(judge(list, "notifications/initialized").is_public);
  EXPECT_FALSE(judge(list, "ping").is_public);
  EXPECT_FALSE(judge(list, "prompts/list").is_public);
  EXPECT_TRUE(call(list, "ping").is_public);
  EXPECT_FALSE(call(list, "pong").is_public);
  EXPECT_FALSE(call(list, "sing").is_public);
  EXPECT_EQ(call(list, "sing").verdict, RuleVerdict::fine);
  EXPECT_FALSE(judge(list, "made/up").is_public);  // as it is not covered
  EXPECT_TRUE(judge(rules({}, {"made/*"}), "made/up").is_public);
  EXPECT_FALSE(judge(rules({"tools/call:x scope=a"}, {"tools/call"}), "tools/call", R"("name":"y")").is_public);
  EXPECT_FALSE(judge(rules({"tool x refuse public"}), "tools/call", R"("name":"x")").is_public);
  EXPECT_FALSE(rules({"* public", "default public"}).judge(*read(R"({"id":1,"result":{}})")).is_public);
  EXPECT_EQ(rules({"* refuse"}).judge(*read(R"({"id":1,"result":{}})")).verdict, RuleVerdict::fine);
  EXPECT_FALSE(rules({"* public"}).judge(*read(R"({"id":1,"method":"ping","METHOD":"ping"})")).is_public);
  EXPECT_FALSE(rules({"* public"}).judge(*read("{")).is_public);
}

TEST(McpRules, CloseMethodsOfWhichARuleHasAScope) {
  const RuleList list = rules({"tool deploy scope=a", "tool status", "prompts/get:x more"});
  EXPECT_EQ(call(list, "deploy").verdict, RuleVerdict::fine);
  EXPECT_EQ(call(list, "status").verdict, RuleVerdict::fine);
  EXPECT_EQ(call(list, "other").verdict, RuleVerdict::not_covered);
  EXPECT_EQ(call(list, "Deploy").verdict, RuleVerdict::not_covered);
  EXPECT_EQ(judge(list, "prompts/get", R"("name":"y")").verdict, RuleVerdict::fine);
  EXPECT_EQ(judge(list, "tools/list").verdict, RuleVerdict::fine);
  EXPECT_EQ(judge(rules({"*:deploy scope=a"}), "prompts/get", R"("name":"y")").verdict, RuleVerdict::not_covered);
  EXPECT_EQ(judge(rules({"*:deploy scope=a"}), "tools/list").verdict, RuleVerdict::fine);
}

TEST(McpRules, CloseMethodsThatNobodyKnows) {
  const RuleList list = rules({"tool deploy scope=a", "custom/* more"});
  EXPECT_EQ(judge(list, "made/up").verdict, RuleVerdict::unknown_method);
  EXPECT_EQ(judge(list, "Tools/call").verdict, RuleVerdict::unknown_method);
  EXPECT_EQ(judge(list, "custom/x").verdict, RuleVerdict::fine);
  EXPECT_EQ(list.judge(*read(R"({"method":"made/up"})")).verdict, RuleVerdict::unknown_method);
  EXPECT_EQ(judge(rules({"tool deploy more"}), "made/up").verdict, RuleVerdict::fine);
  EXPECT_EQ(judge(rules({"default scope=a"}), "made/up").verdict, RuleVerdict::unknown_method);
  for (const char *method : {"initialize", "ping", "server/discover", "tasks/list", "logging/setLevel",
                             "elicitation/create", "notifications/initialized", "notifications/tasks/status"}) {
    EXPECT_EQ(judge(list, method).verdict, RuleVerdict::fine) << method;
  }
}

TEST(McpRules, DefaultIsForWhatNoOtherMatches) {
  const RuleList list = rules({"tool deploy scope=a", "default scope=b", "prompts/* more"});
  EXPECT_EQ(places(call(list, "deploy").matching), "0 ");
  EXPECT_EQ(places(call(list, "other").matching), "1 ");
  EXPECT_EQ(call(list, "other").verdict, RuleVerdict::fine);
  EXPECT_EQ(places(judge(list, "tools/list").matching), "1 ");
  EXPECT_EQ(places(judge(list, "prompts/list").matching), "2 ");
  // One that only limits opens nothing.
  const RuleList limit = rules({"tool deploy scope=a", "default more"});
  EXPECT_EQ(call(limit, "other").verdict, RuleVerdict::not_covered);
  EXPECT_EQ(judge(limit, "prompts/get", R"("name":"y")").verdict, RuleVerdict::fine);
  EXPECT_EQ(places(judge(limit, "prompts/get", R"("name":"y")").matching), "1 ");
  EXPECT_TRUE(call(rules({"tool deploy scope=a", "default public"}), "other").is_public);
  EXPECT_EQ(call(rules({"tool deploy more", "default refuse"}), "other").verdict, RuleVerdict::refused);
}

TEST(McpRules, WhatLeadsToANameNeedsWhatTheNameNeeds) {
  const RuleList list = rules({"completion/complete public", "prompts/get:secret scope=s", "prompts/get:open public",
                               "resources/read:file:///open/* public", "resources/read:file:///secret/* scope=r",
                               "resources/read:file:///never/* refuse", "tasks/get:t* scope=t"},
                              {"subscriptions/listen"});
  const auto complete = [&](const char *ref) {
    return judge(list, "completion/complete", std::string("\"ref\":") + ref);
  };
  EXPECT_EQ(places(complete(R"({"name":"secret"})").matching), "0 1 ");
  EXPECT_FALSE(complete(R"({"name":"secret"})").is_public);
  EXPECT_TRUE(complete(R"({"name":"open"})").is_public);
  EXPECT_EQ(complete(R"({"name":"unknown"})").verdict, RuleVerdict::not_covered);
  EXPECT_EQ(places(complete(R"({"name":"open","uri":"file:///secret/{x}"})").matching), "0 2 4 ");
  EXPECT_EQ(complete(R"({"uri":"file:///never/x"})").verdict, RuleVerdict::refused);
  EXPECT_EQ(complete(R"({"uri":"file:///a%2fb"})").verdict, RuleVerdict::bad_uri);
  const auto listen = [&](const char *notifications) {
    return judge(list, "subscriptions/listen", std::string("\"notifications\":") + notifications);
  };
  EXPECT_TRUE(listen("{}").is_public);
  EXPECT_TRUE(listen(R"({"resourceSubscriptions":["file:///open/a"]})").is_public);
  EXPECT_FALSE(listen(R"({"resourceSubscriptions":["file:///open/a","file:///secret/a"]})").is_public);
  EXPECT_EQ(
      places(listen(R"({"resourceSubscriptions":["file:///open/a","file:///secret/a"],"taskIds":["t1"]})").matching),
      "3 4 6 ");
  EXPECT_EQ(listen(R"({"taskIds":["t1","x"]})").verdict, RuleVerdict::not_covered);
  EXPECT_EQ(listen(R"({"resourceSubscriptions":["file:///never/a","file:///x"]})").verdict, RuleVerdict::refused);
  // Public by itself, it still leads to what needs a credential.
  EXPECT_FALSE(judge(rules({"completion/complete public"}), "completion/complete", R"("ref":{"name":"a"})").is_public);
}

TEST(McpRules, JudgeAUriAsItIsSentAndAsItIsNormalised) {
  const RuleList list =
      rules({"resources/read:file:///open/* public", "resources/read:file:///secret/* scope=s", "resources/read:*"});
  EXPECT_TRUE(read_uri(list, "file:///open/a").is_public);
  EXPECT_FALSE(read_uri(list, "file:///secret/a").is_public);
  for (const char *uri : {"file:///open/../secret/a", "file:///open/%2e%2E/secret/a", "FILE:///secret/a",
                          "file:///%73ecret/a", "file:///./secret/a", "file:///x/../secret/a"}) {
    const Judgement judgement = read_uri(list, uri);
    EXPECT_FALSE(judgement.is_public) << uri;
    EXPECT_TRUE(judgement.matching.has(1)) << uri;
  }
  EXPECT_EQ(read_uri(list, "file:///open/a%2f..%2f..").verdict, RuleVerdict::bad_uri);
  EXPECT_EQ(read_uri(list, R"(file:///open\\..\\secret)").verdict, RuleVerdict::bad_uri);
  EXPECT_EQ(read_uri(list, R"(file:///open/\u000a)").verdict, RuleVerdict::bad_uri);
  EXPECT_EQ(read_uri(list, "file:///open/%00").verdict, RuleVerdict::bad_uri);
  EXPECT_EQ(read_uri(list, "file:///open/%5C").verdict, RuleVerdict::bad_uri);
  const RuleList closed = rules({"resources/read:file:///open/* scope=a"});
  EXPECT_EQ(read_uri(closed, "file:///open/a").verdict, RuleVerdict::fine);
  EXPECT_EQ(read_uri(closed, "file:///open/../b").verdict, RuleVerdict::not_covered);
  EXPECT_EQ(read_uri(closed, "file:///x/../open/b").verdict, RuleVerdict::not_covered);
  EXPECT_EQ(judge(closed, "resources/subscribe", R"("uri":"a\\b")").verdict, RuleVerdict::bad_uri);
}

TEST(McpRules, JudgeAUriAsServersOfFilesReadIt) {
  const RuleList list = rules({"resources/read:file:///* scope=a", "resources/read:file:///private/* scope=b",
                               "resources/read:file:///one scope=c", "resources/read:file:///never refuse"});
  EXPECT_EQ(places(read_uri(list, "file:///a//x").matching), "0 ");
  for (const char *uri : {"file:////private/x", "file:///x/..//private/x", "file:///x//..//private/x",
                          "file:///x/..//%70rivate/x", "file:///private//x", "file:////private/x?y",
                          "file:///x?/../../private/x", "file:///x#/../../private/x", "file:///x?/..//../private/x",
                          "file:///x?#//../../private/x", "file:///x?/%2e%2E/../private/x", "file:///private/x?/./y"}) {
    EXPECT_EQ(places(read_uri(list, uri).matching), "0 1 ") << uri;
  }
  // Whatever is cut off.
  for (const char *uri : {"file:///one?", "file:///one#", "file:///one?x#y", "file:////one?x", "file:///x/../one#"}) {
    EXPECT_EQ(places(read_uri(list, uri).matching), "0 2 ") << uri;
  }
  EXPECT_EQ(read_uri(list, "file:////never?").verdict, RuleVerdict::refused);
  EXPECT_EQ(places(complete_uri(list, "file:////private/{x}").matching), "0 1 ");

  // Each reading needs a rule that opens it; what stands before a query doesn't.
  const RuleList closed = rules({"resources/read:file:///open/* scope=a", "resources/read:find:all?q=* public"});
  EXPECT_EQ(read_uri(closed, "file:///open//x").verdict, RuleVerdict::fine);
  EXPECT_EQ(read_uri(closed, "file:////open/x").verdict, RuleVerdict::not_covered);
  EXPECT_EQ(read_uri(closed, "file:///open//../x").verdict, RuleVerdict::not_covered);
  EXPECT_EQ(read_uri(closed, "file:///open/..//open/x").verdict, RuleVerdict::not_covered);
  EXPECT_EQ(read_uri(closed, "file:///open/x?/../../y").verdict, RuleVerdict::not_covered);
  EXPECT_EQ(read_uri(closed, "file:///open/x?y=/../z").verdict, RuleVerdict::fine);
  EXPECT_TRUE(read_uri(closed, "find:all?q=a//b").is_public);
  EXPECT_EQ(read_uri(closed, "find:all").verdict, RuleVerdict::not_covered);

  // A rule with empty segments is one about the merged URI, too.
  const RuleList within =
      rules({"resources/read:proxy://h/https://open/* scope=a", "resources/read:proxy://h/*/secret scope=b"});
  EXPECT_EQ(places(read_uri(within, "proxy://h/https://open/x").matching), "0 ");
  EXPECT_EQ(read_uri(within, "proxy://h/https://open/x").verdict, RuleVerdict::fine);
  EXPECT_EQ(places(read_uri(within, "proxy://h/https://open/secret").matching), "0 1 ");
  EXPECT_EQ(read_uri(within, "proxy://h/https:/open/x").verdict, RuleVerdict::not_covered);
  EXPECT_EQ(read_uri(within, "proxy://h/https://x").verdict, RuleVerdict::not_covered);
}

TEST(McpRules, SayWhoseListsAreWhole) {
  EXPECT_TRUE(rules({}).satisfies_all(Grants()));
  EXPECT_TRUE(rules({"tool a scope=a", "tool b scope=b"}).satisfies_all(Grants("a b", {})));
  EXPECT_FALSE(rules({"tool a scope=a", "tool b scope=b"}).satisfies_all(Grants("a", {})));
  EXPECT_FALSE(rules({"tool a refuse"}).satisfies_all(Grants::all()));
}

TEST(McpRules, KeepTemplatesOfWhichAnythingCouldBeRead) {
  const RuleList list = rules({"resources/read:file:///open/*", "resources/read:file:///open/secret* scope=s",
                               "resources/read:db://* scope=d", "resources/read:*/never/* refuse"});
  EXPECT_TRUE(list.could_read("file:///open/", Grants()));
  EXPECT_TRUE(list.could_read("file:///", Grants()));
  EXPECT_TRUE(list.could_read("", Grants()));
  EXPECT_FALSE(list.could_read("file:///open/secret/", Grants()));
  EXPECT_TRUE(list.could_read("file:///open/secret/", Grants("s", {})));
  EXPECT_FALSE(list.could_read("db://", Grants("s", {})));
  EXPECT_TRUE(list.could_read("db://", Grants("d", {})));
  EXPECT_FALSE(list.could_read("file:///open/never/", Grants::all()));
  EXPECT_FALSE(list.could_read("http://", Grants::all()));
  EXPECT_FALSE(list.could_read("file:///open/a%2f", Grants::all()));
  EXPECT_TRUE(rules({"default scope=a"}).could_read("x:", Grants("a", {})));
  EXPECT_FALSE(rules({"default scope=a"}).could_read("x:", Grants("b", {})));
  EXPECT_FALSE(rules({"resources/read:a:* scope=a", "default more"}).could_read("x:", Grants("a", {})));
  EXPECT_TRUE(rules({"resources/read:a:* more"}).could_read("x:", Grants()));
}

TEST(McpRules, AreParsed) {
  const auto wrong = [](const char *text) {
    Rule made;
    const Wrong says = parse_rule(text, &made);
    return says ? *says : std::string();
  };
  Rule made = rule("resources/read:file:///a:b/*");
  EXPECT_EQ(made.method, "resources/read");
  EXPECT_EQ(made.name, "file:///a:b/*");
  made = rule("tool a:b");
  EXPECT_EQ(made.method, "tools/call");
  EXPECT_EQ(made.name, "a:b");
  EXPECT_TRUE(rule("default").is_default);
  EXPECT_NE(wrong(":x").find("names no method"), std::string::npos);
  EXPECT_NE(wrong("tools/call:").find("no name"), std::string::npos);
  EXPECT_NE(wrong("tools/list:a").find("has no names"), std::string::npos);
  EXPECT_NE(wrong("made/up:a").find("has no names"), std::string::npos);
  EXPECT_NE(wrong("default:a").find("has no names"), std::string::npos);
  EXPECT_NE(wrong("resources/read:file:///a/../b").find("write \"file:///b\""), std::string::npos);
  EXPECT_NE(wrong("resources/read:FILE:///%7ea*").find("write \"file:///~a*\""), std::string::npos);
  EXPECT_NE(wrong("resources/read:a:b%2Fc").find("never match"), std::string::npos);
  EXPECT_EQ(wrong("*:file:///a/../b"), "");
}

TEST(McpRules, SayWhatCanHardlyBeMeant) {
  const auto remarks = [](const RuleList &list) {
    std::string all;
    for (const RuleList::Remark &remark : list.remarks()) {
      all += std::to_string(remark.rule) + ' ' + remark.text + '\n';
    }
    return all;
  };
  EXPECT_EQ(
      remarks(rules({"tool a scope=a", "tool b scope=b", "tools/list public", "default scope=c"}, {"initialize"})), "");
  EXPECT_EQ(remarks(rules({"tool a public scope=a"})), "0 is never public, as it has a scope\n");
  EXPECT_EQ(remarks(rules({"tool ab public", "tool a* scope=a"})),
            "0 is never public: \"tools/call:a*\" matches whatever it does, and has a scope\n");
  EXPECT_EQ(remarks(rules({"tools/list scope=a"}, {"tools/list", "ping"})),
            "1024 is never public: \"tools/list\" matches whatever it does, and has a scope\n");
  EXPECT_EQ(remarks(rules({"tool a more", "tool * refuse"})),
            "0 is idle: \"tools/call:*\" refuses whatever it matches\n");
  EXPECT_EQ(remarks(rules({"tool a scope=x", "tool a* scope=x,y"})),
            "0 is idle: \"tools/call:a*\" matches whatever it does, and says the same\n");
  EXPECT_EQ(remarks(rules({"tool a scope=x", "tool a scope=x"})),
            "1 is idle: \"tools/call:a\" matches whatever it does, and says the same\n");
  EXPECT_EQ(remarks(rules({"tool a scope=x more", "tools/call scope=x", "tool b scope=y"})), "");
  EXPECT_EQ(remarks(rules({"* scope=a", "default scope=b"})), "1 is idle: \"*\" matches everything\n");
  EXPECT_EQ(remarks(rules({"tools/call scope=a", "tool * scope=a"})),
            "1 is idle: \"tools/call\" matches whatever it does, and says the same\n");
}

TEST(McpRules, AreManyAndStillFound) {
  std::vector<Rule> all;
  for (std::size_t i = 0; i < kMaxRules; ++i) {
    all.push_back(rule("tool t" + std::to_string(i) + " scope=s" + std::to_string(i)));
  }
  const RuleList list(std::move(all), {});
  EXPECT_EQ(places(call(list, "t1023").matching), "1023 ");
  EXPECT_EQ(places(call(list, "t0").matching), "0 ");
  EXPECT_EQ(places(call(list, "t64").matching), "64 ");
}

TEST(McpGlob, Matches) {
  struct {
    const char *pattern, *text;
    bool matches;
  } const cases[] = {
      {"", "", true},       {"", "a", false},       {"a", "a", true},        {"a", "", false},
      {"*", "", true},      {"*", "abc", true},     {"a*", "a", true},       {"a*", "ba", false},
      {"*a", "ba", true},   {"*a", "ab", false},    {"a*c", "abcbc", true},  {"a*c", "abcb", false},
      {"*b*", "abc", true}, {"a*b*c", "abc", true}, {"a*b*c", "acb", false}, {"**", "x", true},
      {"a**b", "ab", true}, {"A", "a", false},      {"?", "a", false},       {"[a]", "a", false},
  };
  for (const auto &one : cases) {
    EXPECT_EQ(matches(one.pattern, one.text), one.matches) << one.pattern << ' ' << one.text;
  }
}

// All patterns of up to 3 of a, b and *, against all texts of up to 5 of a, b and c.
TEST(McpGlob, IsWiderAndGoesOnAsTryingAllTextsSays) {
  const auto all = [](const std::string &letters, std::size_t size) {
    std::vector<std::string> texts = {""};
    for (std::size_t from = 0, round = 0; round < size; ++round) {
      const std::size_t to = texts.size();
      for (; from < to; ++from) {
        for (const char c : letters) {
          texts.push_back(texts[from] + c);
        }
      }
    }
    return texts;
  };
  const std::vector<std::string> patterns = all("ab*", 3), texts = all("abc", 5);
  for (const std::string &wide : patterns) {
    for (const std::string &other : patterns) {
      bool wider = true;
      for (const std::string &text : texts) {
        wider = wider && (!matches(other, text) || matches(wide, text));
      }
      EXPECT_EQ(is_wider(wide, other), wider) << wide << ' ' << other;
    }
    for (const std::string &prefix : all("ab", 2)) {
      bool goes_on = false;
      for (const std::string &text : texts) {
        goes_on = goes_on || (text.substr(0, prefix.size()) == prefix && matches(wide, text));
      }
      EXPECT_EQ(may_go_on(wide, prefix), goes_on) << wide << ' ' << prefix;
    }
  }
}

TEST(McpUri, IsNormalised) {
  struct {
    const char *uri, *normal;  // nullptr: bad
  } const cases[] = {
      {"file:///a/b", "file:///a/b"},
      {"", ""},
      {"HTTP://User@Example.COM:80/A/B?C#D", "http://User@example.com:80/A/B?C#D"},
      {"example://a/b/c/%7Bfoo%7D", "example://a/b/c/%7Bfoo%7D"},
      {"eXAMPLE://a/./b/../b/%63/%7bfoo%7d", "example://a/b/c/%7Bfoo%7D"},
      {"file:///a/b/../../../c", "file:///c"},
      {"file:///a/..", "file:///"},
      {"file:///a/.", "file:///a/"},
      {"file:///a/.b", "file:///a/.b"},
      {"file:///a/...", "file:///a/..."},
      {"file:///a/%2E%2e/b", "file:///b"},
      {"file:///a?b/../c", "file:///a?b/../c"},
      {"note:a/../b", "note:/b"},
      {"../a", "a"},
      {"./a", "a"},
      {"a:b", "a:b"},
      {"A:B", "a:B"},
      {"x://h%41H/%c3%a9", "x://hah/%C3%A9"},
      {"file:///a b\xc3\xa9{x}", "file:///a b\xc3\xa9{x}"},
      {"file:///a%252fb", "file:///a%252fb"},
      {"file:///a%2fb", nullptr},
      {"file:///a%2Fb", nullptr},
      {"file:///a%5cb", nullptr},
      {"file:///a\\b", nullptr},
      {"file:///a\nb", nullptr},
      {"file:///a\x7f", nullptr},
      {"file:///a%0a", nullptr},
      {"file:///a%7f", nullptr},
      {"file:///a%", nullptr},
      {"file:///a%2", nullptr},
      {"file:///a%%32f", nullptr},
      {"file:///a%zz", nullptr},
  };
  for (const auto &one : cases) {
    std::string normal = one.uri;
    const UriForm form = normalise_uri(one.uri, &normal);
    if (one.normal == nullptr) {
      EXPECT_EQ(form, UriForm::bad) << one.uri;
      continue;
    }
    EXPECT_EQ(normal, one.normal);
    EXPECT_EQ(form, std::string_view(one.uri) == one.normal ? UriForm::normal : UriForm::other) << one.uri;
    std::string again;
    EXPECT_EQ(normalise_uri(normal, &again), UriForm::normal) << normal;
  }
}

TEST(McpUri, IsReadOtherwise) {
  struct {
    const char *uri;
    std::vector<std::string> others;
  } const cases[] = {
      {"", {}},
      {"file:///a/b?c//d#e//f", {}},
      {"a://h//b", {"a://h/b"}},
      {"a:b//c///d/", {"a:b/c/d/"}},
      {"a:////b", {"a:///b"}},
      {"A://H/%62", {"a://h/b"}},
      {"a:/b//../c", {"a:/b/c", "a:/c"}},
      {"a:/x//..//../c", {"a:/x/c", "a:/c"}},
      {"a:/b?/../c", {"a:/c"}},
      {"a:/b?//../../c", {"a:/c"}},
      {"a://h?/../c", {"a://h/c"}},
      {"a:/b?x/.", {"a:/b?x/"}},
      {"a:/b?x//y", {}},
  };
  for (const auto &one : cases) {
    std::vector<std::string> others;
    EXPECT_TRUE(read_uri_otherwise(one.uri, &others)) << one.uri;
    EXPECT_EQ(others, one.others) << one.uri;
  }
  for (const char *uri : {"a:/b%2fc", "a:/b\\c", "a:/b?\x01", "a://h//%zz", "a:/b//%00"}) {
    std::vector<std::string> others;
    EXPECT_FALSE(read_uri_otherwise(uri, &others)) << uri;
  }
  EXPECT_EQ(merge_slashes("a://h//b//c?d//e#f//g"), "a://h/b/c?d//e#f//g");
  EXPECT_EQ(merge_slashes("*://h/*//b"), "*:/h/*/b");
  EXPECT_EQ(merge_slashes("a"), "a");
}

}  // namespace
}  // namespace keyward::mcp
