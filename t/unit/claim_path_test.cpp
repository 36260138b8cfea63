// Where a claim is: names, paths, JSON Pointers, URLs.
#include "jwt/claim_path.hpp"

#include <gtest/gtest.h>

namespace keyward::jwt {
namespace {

using Names = std::vector<std::string>;

Names names_of(std::string_view text) {
  const ClaimPath path(text);
  EXPECT_EQ(path.text(), text);
  return path.names();
}

std::string found_by(std::string_view path, std::string_view claims) {
  json::Value value;
  std::string error;
  EXPECT_TRUE(json::parse(claims, json::Limits(), &value, &error)) << error;
  const json::Value *found = ClaimPath(path).find(value);
  return found == nullptr ? "nothing" : found->type == json::Value::Type::string ? found->text : "no string";
}

TEST(ClaimPathTest, ReadsNamesAndPaths) {
  EXPECT_EQ(names_of("role"), Names({"role"}));
  EXPECT_EQ(names_of("realm_access.roles"), Names({"realm_access", "roles"}));
  EXPECT_EQ(names_of("https://shop.example/roles"), Names({"https://shop.example/roles"}));
  EXPECT_EQ(names_of("a/b"), Names({"a/b"}));  // a slash inside of a name is one
}

// RFC 6901, sections 3 and 4.
TEST(ClaimPathTest, ReadsJsonPointers) {
  EXPECT_EQ(names_of("/kubernetes.io/namespace"), Names({"kubernetes.io", "namespace"}));
  EXPECT_EQ(names_of("/a~1b/c~0d"), Names({"a/b", "c~d"}));
  EXPECT_EQ(names_of("/~01"), Names({"~1"}));  // not a slash
  EXPECT_EQ(names_of("/https:~1~1shop.example~1app/roles"), Names({"https://shop.example/app", "roles"}));
  EXPECT_EQ(names_of("/0"), Names({"0"}));
  for (const char *good : {"/a", "/a~0", "/~1~0~1"}) {
    EXPECT_TRUE(ClaimPath::is_good_pointer(good)) << good;
  }
  for (const char *bad : {"a", "", "/a~", "/~2", "/a~/b", "/a~~1"}) {
    EXPECT_FALSE(ClaimPath::is_good_pointer(bad)) << bad;
  }
}

TEST(ClaimPathTest, EntersObjectsAndNothingElse) {
  const char *claims = R"({"a":{"b":"1","x.y":{"z":"2"}},"a.b":"3","a/b":"4","l":[{"b":"5"},"6"],"0":"7","a~b":"8",
                          "https://e.example/r":{"s":"9"}})";
  EXPECT_EQ(found_by("a.b", claims), "1");
  EXPECT_EQ(found_by("/a/b", claims), "1");
  EXPECT_EQ(found_by("/a.b", claims), "3");
  EXPECT_EQ(found_by("/a~1b", claims), "4");
  EXPECT_EQ(found_by("/a~0b", claims), "8");
  EXPECT_EQ(found_by("/a/x.y/z", claims), "2");
  EXPECT_EQ(found_by("/https:~1~1e.example~1r/s", claims), "9");
  EXPECT_EQ(found_by("/0", claims), "7");
  EXPECT_EQ(found_by("/l", claims), "no string");
  for (const char *nothing : {"/l/0/b", "/l/1", "/l/-", "/a/b/c", "/A", "/a~1", "/b"}) {
    EXPECT_EQ(found_by(nothing, claims), "nothing") << nothing;
  }
  EXPECT_EQ(ClaimPath().find(json::Value()), nullptr);
}

}  // namespace
}  // namespace keyward::jwt
