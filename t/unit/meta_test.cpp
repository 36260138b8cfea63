// A key's meta: which objects are taken, and how they are kept.
#include "keys/meta.hpp"

#include <gtest/gtest.h>

namespace keyward::keys {
namespace {

std::string kept(const std::string &text) {
  std::string meta, error;
  EXPECT_TRUE(parse_meta(text, &meta, &error)) << error;
  return meta;
}

TEST(Meta, IsKeptInOneLine) {
  EXPECT_EQ("{}", kept(" { } "));
  EXPECT_EQ(R"({"b":1.50,"a":[true,null,{"x":"y"}]})", kept("{\n \"b\" : 1.50,\t\"a\":[true, null, {\"x\":\"y\"}]}"));
  EXPECT_EQ("{\"n\":\"\\n\xc3\xbc\"}", kept("{\"n\":\"\\n\\u00fc\"}"));
  EXPECT_EQ(kept("{\"a\":1}"), kept(kept("{\"a\":1}")));
}

TEST(Meta, IsAnObjectOfBoundedSize) {
  std::string meta = "as it was", error;
  std::string deep = "1";
  for (std::size_t i = 0; i < kMaxMetaDepth; ++i) {
    deep = "{\"a\":" + deep + "}";
  }
  EXPECT_EQ(deep, kept(deep));
  for (const std::string &text :
       {std::string(), std::string("1"), std::string("[]"), std::string("null"), std::string("{"),
        std::string("{\"a\":1,\"a\":2}"), std::string("{}x"), "{\"a\":" + deep + "}"}) {
    error.clear();
    EXPECT_FALSE(parse_meta(text, &meta, &error)) << text;
    EXPECT_FALSE(error.empty()) << text;
  }
  EXPECT_EQ("as it was", meta);
  const std::string around = "{\"a\":\"\"}";
  EXPECT_EQ(4096U, kept("{\"a\":\"" + std::string(4096 - around.size(), 'x') + "\"}").size());
  EXPECT_FALSE(parse_meta("{\"a\":\"" + std::string(4097 - around.size(), 'x') + "\"}", &meta, &error));
}

}  // namespace
}  // namespace keyward::keys
