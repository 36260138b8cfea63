// nginx's syntax, as the command reads it.
#include "base/nginx_text.hpp"

#include <gtest/gtest.h>

#include <string>

namespace keyward::test {
namespace {

TEST(NginxTime, IsReadAsNginxDoes) {
  const auto seconds = [](std::string_view text) {
    std::int64_t value = -7;
    return parse_nginx_time(text, &value) ? value : -1;
  };
  EXPECT_EQ(0, seconds("0"));
  EXPECT_EQ(90, seconds("90"));
  EXPECT_EQ(90, seconds("90s"));
  EXPECT_EQ(900, seconds("15m"));
  EXPECT_EQ(5400, seconds("1h30m"));
  EXPECT_EQ(129600, seconds("1d 12h"));
  EXPECT_EQ(3605, seconds("1h 5"));
  EXPECT_EQ(10, seconds("5s5"));
  EXPECT_EQ(2592000, seconds("1M"));
  EXPECT_EQ(31536000 + 604800, seconds("1y1w"));
  EXPECT_EQ(2147483647, seconds("2147483647"));
  for (const char *text : {"", " ", "-1", "+1", "m", "5x", "5ms", "1m1h", "1m1m", "1.5m", "2147483648", "100y", " 5",
                           "99999999999999999999"}) {
    EXPECT_EQ(-1, seconds(text)) << text;
  }
}

// "[a b{[c]}]": what is read, with braces for blocks.
std::string read(std::string_view text) {
  std::string seen, error;
  const NginxVisitor visitor = {[&](const Words &words, std::size_t, bool opens) -> Wrong {
                                  seen += "[";
                                  for (const std::string_view word : words) {
                                    seen += (seen.back() == '[' ? "" : "|") + std::string(word);
                                  }
                                  seen += opens ? "{" : "]";
                                  return words[0] == "wrong" ? Wrong("it is wrong") : kGood;
                                },
                                [&](std::size_t) -> Wrong {
                                  seen += "}";
                                  return kGood;
                                }};
  return read_nginx(text, visitor, &error) ? seen : error;
}

TEST(NginxSyntax, IsReadAsNginxDoes) {
  EXPECT_EQ("", read(""));
  EXPECT_EQ("", read(" # only a comment"));
  EXPECT_EQ("[a]", read("a;"));
  EXPECT_EQ("[a|b|c]", read(" a\tb\n c ; # d;\n"));
  EXPECT_EQ("[http{[a{[b|c]}[d]}", read("http{ a { b c; } d; }"));
  EXPECT_EQ("[a|b c|d;e|f{g}]", read("a \"b c\" 'd;e' \"f{g}\";"));
  EXPECT_EQ("[a||b]", read("a \"\" b;"));
  EXPECT_EQ("[a|b\"c|d'e|f\\g|h\n]", read("a \"b\\\"c\" 'd\\'e' f\\\\g h\\n;"));
  EXPECT_EQ("[a|\\d+]", read("a \\d+;")) << "other escapes stay as they are";
  EXPECT_EQ("[a|b#c|${d}e]", read("a b#c ${d}e;"));
  EXPECT_EQ("[a|b\"c]", read("a b\"c;")) << "a quote inside of a word is one of its characters";
  EXPECT_EQ("[a][b]", read("a; content_by_lua_block { if x { \"} } b;"));
}

TEST(NginxSyntax, IsRefusedWithItsLine) {
  EXPECT_EQ("line 2: the file ends inside of a directive", read("\na"));
  EXPECT_EQ("line 1: the file ends inside of a directive", read("a "));
  EXPECT_EQ("line 1: the file ends inside of a block", read("a {"));
  EXPECT_EQ("line 1: the file ends inside of quotes", read("a \"b;"));
  EXPECT_EQ("line 3: unexpected \"}\"", read("a;\n\n}"));
  EXPECT_EQ("line 1: unexpected \"}\"", read("a { b }"));
  EXPECT_EQ("line 1: unexpected \";\"", read(";"));
  EXPECT_EQ("line 1: unexpected \"{\"", read("{ }"));
  EXPECT_EQ("line 1: a blank or a \";\" is missing after the closing quote", read("a \"b\"c;"));
  EXPECT_EQ("line 3: it is wrong", read("a;\nb {\n wrong; }"));
}

}  // namespace
}  // namespace keyward::test
