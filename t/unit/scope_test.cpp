// Scopes and grants: exact matches, wildcards, implications, and shares against a model.
#include "auth/scope.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "base/text_rules.hpp"

namespace keyward {
namespace {

TEST(ScopeToken, IsRfc6749s) {
  for (int value = 0; value < 256; ++value) {
    const char c = static_cast<char>(value);
    const bool token = value == 0x21 || (value >= 0x23 && value <= 0x5b) || (value >= 0x5d && value <= 0x7e);
    EXPECT_EQ(is_scope_token({&c, 1}), token) << value;
    EXPECT_EQ(is_scope({&c, 1}), token && c != '*') << value;
  }
  EXPECT_FALSE(is_scope_token(""));
  EXPECT_TRUE(is_scope_token("https://example.com/a,b"));
  EXPECT_FALSE(is_scope_token("a b"));
}

TEST(Grant, IsAScopeOrEndsInAWildcard) {
  for (const char *text : {"a", "posts:read", "posts:*", "a:b:*", "*", ":", "a:", "::*"}) {
    EXPECT_TRUE(is_grant(text)) << text;
  }
  for (const char *text :
       {"", "**", "a*", "*a", "*:a", "*:*", "a:*:b", "a:**", ":*", "a:*:*", "a b:*", "a\":*", "posts.*"}) {
    EXPECT_FALSE(is_grant(text)) << text;
  }
}

TEST(Covers, ExactlyAndByWildcard) {
  struct {
    const char *grant;
    const char *what;
    bool covered;
  } const cases[] = {
      {"read", "read", true},
      {"read", "readx", false},
      {"readx", "read", false},
      {"read", "Read", false},
      {"read", "rea", false},
      {"read", "", false},
      {"", "", false},
      {"", "read", false},
      {"posts:*", "posts:read", true},
      {"posts:*", "posts:a:b", true},
      {"posts:*", "posts", false},
      {"posts:*", "posts:", false},
      {"posts:*", "postsx:a", false},
      {"posts:*", "post:a", false},
      {"posts:*", "Posts:a", false},
      {"posts:*", "posts:*", true},
      {"posts:*", "posts:a:*", true},
      {"posts:a:*", "posts:*", false},
      {"posts:a", "posts:*", false},
      {"posts:*", "*", false},
      {"*", "posts:read", true},
      {"*", "*", true},
      {"*", "a:*", true},
      {"*", "", false},
      {"posts*", "postsx", false},
      {"a:*", "b:a:x", false},
  };
  for (const auto &test : cases) {
    EXPECT_EQ(covers(test.grant, test.what), test.covered) << test.grant << " and " << test.what;
  }
}

TEST(Grants, NothingIsNothing) {
  for (const Grants &grants : {Grants(), Grants("", {}), Grants("   ", {}), Grants("** \"", {})}) {
    EXPECT_FALSE(grants.is_all());
    EXPECT_EQ(grants.text(), "");
    EXPECT_FALSE(grants.covers("read"));
    EXPECT_FALSE(grants.covers(""));
    EXPECT_FALSE(grants.covers("*"));
  }
}

TEST(Grants, AllIsAll) {
  for (const Grants &grants : {Grants::all(), Grants("*", {}), Grants("read *", {})}) {
    EXPECT_TRUE(grants.is_all());
    EXPECT_EQ(grants.text(), "*");
    EXPECT_TRUE(grants.covers("read"));
    EXPECT_TRUE(grants.covers("a:*"));
    EXPECT_TRUE(grants.covers("*"));
    EXPECT_FALSE(grants.covers(""));
  }
}

TEST(Grants, KeepsTheOrderOfWriting) {
  const Grants grants("write  read posts:* write", {});
  EXPECT_EQ(grants.text(), "write read posts:*");
  EXPECT_TRUE(grants.covers("write"));
  EXPECT_TRUE(grants.covers("posts:x"));
  EXPECT_FALSE(grants.covers("posts"));
  EXPECT_FALSE(grants.covers("rea"));
}

TEST(Grants, FollowsImplications) {
  const Implications implications = {{"mcp:full", {"mcp:*"}}, {"admin", {"mcp:full", "users"}}, {"users", {"admin"}}};
  const Grants full("mcp:full", implications);
  EXPECT_TRUE(full.covers("mcp:read"));
  EXPECT_FALSE(full.covers("admin"));
  EXPECT_EQ(full.text(), "mcp:full");
  // Over several steps, against the list's order, and in a circle.
  const Grants users("users", implications);
  EXPECT_TRUE(users.covers("admin"));
  EXPECT_TRUE(users.covers("mcp:anything"));
  EXPECT_EQ(users.text(), "users");
  // Not backwards, and a wildcard has what it covers.
  EXPECT_FALSE(Grants("mcp:read", implications).covers("mcp:full"));
  EXPECT_TRUE(Grants("mcp:*", {{"mcp:full", {"files"}}}).covers("files"));
}

TEST(Grants, AnImpliedEverythingIsEverything) {
  const Implications implications = {{"root", {"*"}}};
  const Grants root("root", implications);
  EXPECT_TRUE(root.is_all());
  EXPECT_TRUE(root.covers("anything"));
  EXPECT_EQ(root.text(), "root");
  EXPECT_EQ(root.intersect(Grants::all(), implications).text(), "root");
  EXPECT_EQ(Grants::all().intersect(root, implications).text(), "root");
  EXPECT_EQ(root.intersect(Grants("a b", implications), implications).text(), "a b");
  EXPECT_FALSE(root.intersect(Grants("a b", implications), implications).is_all());
}

TEST(Intersect, IsExact) {
  struct {
    const char *mine;
    const char *theirs;
    const char *shared;
  } const cases[] = {
      {"a b", "b c", "b"},     {"a", "b", ""},
      {"", "a", ""},           {"a", "", ""},
      {"*", "a b", "a b"},     {"b a", "*", "b a"},
      {"*", "*", "*"},         {"a:*", "a:b c", "a:b"},
      {"a:b c", "a:*", "a:b"}, {"a:* b", "a:b:* b:c", "a:b:*"},
      {"a:*", "a:*", "a:*"},   {"a:*", "b:*", ""},
      {"a:*", "a", ""},        {"read write", "write read", "read write"},
  };
  for (const auto &test : cases) {
    const Grants shared = Grants(test.mine, {}).intersect(Grants(test.theirs, {}), {});
    EXPECT_EQ(shared.text(), test.shared) << test.mine << " and " << test.theirs;
  }
}

TEST(Intersect, NamesWhatWasWrittenRatherThanWhatFollows) {
  const Implications implications = {{"mcp:full", {"mcp:*"}}};
  const auto shared = [&implications](const char *mine, const char *theirs) {
    return Grants(mine, implications).intersect(Grants(theirs, implications), implications);
  };
  EXPECT_EQ(shared("mcp:full", "mcp:full").text(), "mcp:full");
  EXPECT_EQ(shared("mcp:full", "mcp:read mcp:write").text(), "mcp:read mcp:write");
  EXPECT_EQ(shared("mcp:read files", "mcp:full").text(), "mcp:read");
  EXPECT_TRUE(shared("mcp:full", "mcp:full").covers("mcp:any"));
  EXPECT_FALSE(shared("mcp:full", "mcp:read").covers("mcp:write"));
  // The plan's narrower grant doesn't bring back the umbrella.
  EXPECT_FALSE(shared("mcp:full", "mcp:read").covers("mcp:full"));
}

// The result may not be wider than both, even where a caller passes other implications than before.
TEST(Intersect, NeverWidens) {
  const Grants shared = Grants("a b", {}).intersect(Grants("a", {}), {{"a", {"b", "*"}}});
  EXPECT_TRUE(shared.covers("a"));
  EXPECT_FALSE(shared.covers("b"));
  EXPECT_FALSE(shared.is_all());
}

// Random sets over a small world, against plain sets of scopes.
TEST(Intersect, AgreesWithAModel) {
  const std::vector<std::string> world = {"a", "b", "a:x", "a:y", "a:x:1", "a:x:2", "b:x", "c", "c:x:1", "d:*"};
  const std::vector<std::string> grants = {"a", "b", "a:*", "a:x", "a:x:*", "b:*", "c", "c:*", "*", "c:x:*"};
  const Implications implications = {{"b", {"a:x:*"}}, {"a:y", {"b:x"}}, {"c", {"a:*"}}, {"b:x", {"c:x:1"}}};
  std::mt19937 random(42);
  const auto pick = [&](std::size_t most) {
    std::string list;
    for (std::size_t count = random() % (most + 1); count > 0; --count) {
      list += grants[random() % grants.size()] + ' ';
    }
    return Grants(list, implications);
  };
  for (int round = 0; round < 20000; ++round) {
    const Grants one = pick(3);
    const Grants two = pick(3);
    const Grants three = pick(2);
    const Grants shared = one.intersect(two, implications).intersect(three, implications);
    for (const std::string &scope : world) {
      ASSERT_EQ(shared.covers(scope), one.covers(scope) && two.covers(scope) && three.covers(scope))
          << '[' << one.text() << "] [" << two.text() << "] [" << three.text() << "] " << scope;
    }
    // What is shared is within each; whatever is within another set is covered by it.
    ASSERT_TRUE(shared.is_within(one) && shared.is_within(two) && shared.is_within(three)) << shared.text();
    if (one.is_within(two)) {
      for (const std::string &scope : world) {
        ASSERT_TRUE(!one.covers(scope) || two.covers(scope)) << one.text() << " | " << two.text() << " | " << scope;
      }
    }
    // What is shown stands for all of it.
    const Grants again(shared.text(), implications);
    for (const std::string &scope : world) {
      ASSERT_EQ(again.covers(scope), shared.covers(scope)) << shared.text() << ' ' << scope;
    }
  }
}

TEST(Lists, SplitAndJoin) {
  const std::vector<std::string_view> parts = {"a", "b", "c"};
  EXPECT_EQ(split_list("a,b,c", ','), parts);
  EXPECT_EQ(split_list(",a,,b,c,", ','), parts);
  EXPECT_EQ(split_list("a b c", ' '), parts);
  EXPECT_EQ(split_list("a,b", ' '), std::vector<std::string_view>{"a,b"});
  EXPECT_TRUE(split_list("", ',').empty());
  EXPECT_TRUE(split_list(",,,", ',').empty());
  EXPECT_EQ(join({}, ' '), "");
  EXPECT_EQ(join({"a"}, ' '), "a");
  EXPECT_EQ(join({"a", "b", "c"}, ','), "a,b,c");
}

}  // namespace
}  // namespace keyward
