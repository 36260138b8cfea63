#include "jwt/claim_texts.hpp"

#include <gtest/gtest.h>

namespace keyward::jwt {
namespace {

ClaimTexts texts_of(std::string_view claims) {
  json::Value value;
  std::string error;
  EXPECT_TRUE(json::parse(claims, json::Limits(), &value, &error)) << error;
  return ClaimTexts(value);
}

std::string text_of(std::string_view value) {
  return std::string(texts_of(R"({"before":"x","c":)" + std::string(value) + R"(,"behind":"y"})").find("c"));
}

TEST(ClaimTextsTest, WritesPlainValues) {
  EXPECT_EQ(text_of(R"("a b")"), "a b");
  EXPECT_EQ(text_of("1.50e3"), "1.50e3");
  EXPECT_EQ(text_of("true"), "true");
  EXPECT_EQ(text_of("false"), "false");
  EXPECT_EQ(text_of(R"("50%")"), "50%");
  EXPECT_EQ(text_of(R"("\u00fc")"), "\xc3\xbc");
}

TEST(ClaimTextsTest, LeavesOutWhatHasNoText) {
  for (const char *value :
       {"null", "{}", R"({"a":"b"})", "[null]", R"(["a",null])", R"(["a",["b"]])", R"(["a",{}])", "[]", R"("")"}) {
    EXPECT_EQ(text_of(value), "") << value;
  }
  EXPECT_EQ(texts_of("{}").find("c"), "");
}

TEST(ClaimTextsTest, JoinsArraysSoThatElementsStayApart) {
  EXPECT_EQ(text_of(R"(["a","b",3,true])"), "a b 3 true");
  EXPECT_EQ(text_of(R"(["a b","c"])"), "a%20b c");
  EXPECT_EQ(text_of(R"(["a%20b","c"])"), "a%20b c") << "encoded only where something needs it";
  EXPECT_EQ(text_of(R"(["a b","50%"])"), "a%20b 50%25");
}

TEST(ClaimTextsTest, EncodesControlCharacters) {
  EXPECT_EQ(text_of(R"("a\r\nb")"), "a%0D%0Ab");
  EXPECT_EQ(text_of(R"("\u0000")"), "%00");
  EXPECT_EQ(text_of(R"("\u007f%\t")"), "%7F%25%09");
  EXPECT_EQ(text_of(R"(["a\n","b c"])"), "a%0A b%20c");
  EXPECT_EQ(text_of(R"("a\u0085b\u009f\u00a0%")"), "a%C2%85b%C2%9F\xc2\xa0%25");
  EXPECT_EQ(text_of(R"("\u00a0%")"), "\xc2\xa0%");
}

// By a path: keyward_claim.
std::string text_at(std::string_view path, std::string_view claims) {
  json::Value value;
  std::string error;
  EXPECT_TRUE(json::parse(claims, json::Limits(), &value, &error)) << error;
  return std::string(ClaimTexts(value, {ClaimPath("before"), ClaimPath(path), ClaimPath("sub")}).at(1));
}

TEST(ClaimTextsTest, HasATextOfWhateverIsAskedForByItsPath) {
  const auto text = [](const std::string &value) {
    return text_at("/a.b/c", R"({"sub":"x","a.b":{"c":)" + value + "}}");
  };
  EXPECT_EQ(text(R"("a b%")"), "a b%");
  EXPECT_EQ(text(R"("a\nb%")"), "a%0Ab%25");
  EXPECT_EQ(text("1.50e3"), "1.50e3");
  EXPECT_EQ(text("true"), "true");
  EXPECT_EQ(text("false"), "false");
  for (const char *nothing : {"null", "[]", "{}", R"("")", R"([""])", "[null]"}) {
    EXPECT_EQ(text(nothing), "") << nothing;
  }
  EXPECT_EQ(text(R"(["posts:read","Billing Admin","a,b","-._~","\u00fc"])"),
            "posts%3Aread,Billing%20Admin,a%2Cb,-._~,%C3%BC");
  EXPECT_EQ(text(R"(["a",1,true,null,false])"), "a,1,true,,false");
  EXPECT_EQ(text(R"(["a",["b"],{"c":1}])"), "a,%5B%22b%22%5D,%7B%22c%22%3A1%7D");
  EXPECT_EQ(text(R"({"admin":{"42":"x"},"n":[1,null],"f":false})"), R"({"admin":{"42":"x"},"n":[1,null],"f":false})");
  EXPECT_EQ(text(R"({"a":"\u007f\n%"})"), R"({"a":"\u007f\n%"})");
  EXPECT_EQ(text_at("missing", R"({"sub":"x"})"), "");
  EXPECT_EQ(text_at("/l/0", R"({"l":["x"]})"), "");
}

TEST(ClaimTextsTest, KeepsItsPathsApart) {
  json::Value value;
  std::string error;
  ASSERT_TRUE(json::parse(R"({"a":"1","b":"2"})", json::Limits(), &value, &error));
  const ClaimTexts texts(value, {ClaimPath("b"), ClaimPath("c"), ClaimPath("a")});
  EXPECT_EQ(texts.at(0), "2");
  EXPECT_EQ(texts.at(1), "");
  EXPECT_EQ(texts.at(2), "1");
  EXPECT_EQ(texts.at(3), "");
  EXPECT_EQ(texts.find("a"), "1");
  EXPECT_EQ(ClaimTexts(value).at(0), "");
}

TEST(ClaimTextsTest, FindsTheExactNameFirst) {
  const ClaimTexts texts = texts_of(R"({"Email":"wrong","email":"right","EMAIL":"wrong"})");
  EXPECT_EQ(texts.find("email"), "right");
}

TEST(ClaimTextsTest, FindsWhatNginxCanNotWrite) {
  const ClaimTexts texts = texts_of(R"({"firstName":"Ann","cognito:groups":["a"],"https://x.example/y":"z"})");
  EXPECT_EQ(texts.find("firstname"), "Ann");
  EXPECT_EQ(texts.find("cognito_groups"), "a");
  EXPECT_EQ(texts.find("https___x_example_y"), "z");
  EXPECT_EQ(texts.find("firstnam"), "");
  EXPECT_EQ(texts.find("firstname_"), "");
}

TEST(ClaimTextsTest, TakesNeitherOfTwoThatLookAlike) {
  EXPECT_EQ(texts_of(R"({"a-b":"1","a.b":"2"})").find("a_b"), "");
  EXPECT_EQ(texts_of(R"({"role":null,"ROLE":"admin"})").find("role"), "") << "a claim without a text doesn't give way";
  EXPECT_EQ(texts_of(R"({"Role":{},"ROLE":"admin"})").find("role"), "");
}

}  // namespace
}  // namespace keyward::jwt
