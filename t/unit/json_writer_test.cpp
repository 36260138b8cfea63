// JSON out: shapes, escapes, and that our own reader takes all of it.
#include <gtest/gtest.h>

#include "base/utf8.hpp"
#include "json/json.hpp"

namespace keyward::json {
namespace {

std::string escaped(std::string_view text) {
  std::string out(escaped_length(text), '?');
  const char *end = escape(out.data(), text);
  EXPECT_EQ(end, out.data() + out.size());
  return out;
}

void write_sample(Writer *writer) {
  writer->begin_object().member("id", "key_1").key("scopes").begin_array().string("a").string("b").end_array();
  writer->key("count").number(-5).key("on").boolean(true).key("none").null();
  writer->key("empty").begin_object().end_object().key("list").begin_array().end_array();
  writer->key("deep")
      .begin_array()
      .begin_object()
      .member("x", "y")
      .end_object()
      .begin_array()
      .number(1)
      .end_array()
      .end_array();
  writer->end_object();
}

TEST(JsonWriter, WritesCompactly) {
  Writer writer;
  write_sample(&writer);
  EXPECT_EQ(
      writer.text(),
      R"({"id":"key_1","scopes":["a","b"],"count":-5,"on":true,"none":null,"empty":{},"list":[],"deep":[{"x":"y"},[1]]})");
}

TEST(JsonWriter, WritesForPeople) {
  Writer writer(true);
  write_sample(&writer);
  EXPECT_EQ(writer.text(), R"({
  "id": "key_1",
  "scopes": [
    "a",
    "b"
  ],
  "count": -5,
  "on": true,
  "none": null,
  "empty": {},
  "list": [],
  "deep": [
    {
      "x": "y"
    },
    [
      1
    ]
  ]
})");
}

TEST(JsonWriter, WritesScalarsAlone) {
  EXPECT_EQ(Writer().string("a").text(), "\"a\"");
  EXPECT_EQ(Writer(true).number(INT64_MIN).text(), "-9223372036854775808");
  EXPECT_EQ(Writer().boolean(false).text(), "false");
  EXPECT_EQ(Writer().null().text(), "null");
  EXPECT_EQ(Writer().string("").text(), "\"\"");
  EXPECT_EQ(Writer().text(), "");
}

TEST(JsonWriter, EscapesNamesToo) {
  EXPECT_EQ(Writer().begin_object().key("a\"b\n").number(1).end_object().text(), R"({"a\"b\n":1})");
}

TEST(JsonEscape, EscapesWhatMustBe) {
  EXPECT_EQ(escaped(""), "");
  EXPECT_EQ(escaped("plain / text"), "plain / text");
  EXPECT_EQ(escaped("\"\\"), R"(\"\\)");
  EXPECT_EQ(escaped("\n\r\t"), R"(\n\r\t)");
  EXPECT_EQ(escaped(std::string_view("\0\x01\b\f\x1f\x7f", 6)), "\\u0000\\u0001\\u0008\\u000c\\u001f\\u007f");
  EXPECT_EQ(escaped("\xc3\xa9\xf0\x9f\x98\x80"), "\xc3\xa9\xf0\x9f\x98\x80");
}

TEST(JsonEscape, NumbersWhatTurnsTheWritingDirection) {
  Writer writer;
  writer.string("a\u202eb\u2066\u061c\u0085\x7f\u00e4\u20ac");
  EXPECT_EQ("\"a\\u202eb\\u2066\\u061c\\u0085\\u007f\u00e4\u20ac\"", writer.text());
}

TEST(JsonEscape, MendsWhatIsNotUtf8) {
  const std::string mark = "\xef\xbf\xbd";
  EXPECT_EQ(escaped("a\xff"
                    "b"),
            "a" + mark + "b");
  EXPECT_EQ(escaped("\xc3"), mark);
  EXPECT_EQ(escaped("\xc0\x80"), mark + mark);
  EXPECT_EQ(escaped("\xed\xa0\x80"), mark + mark + mark);
  EXPECT_EQ(escaped("\xe2\x82\"\x1b"), mark + mark + "\\\"\\u001b");
}

// Every pair of bytes is written as JSON that our reader takes, and comes back as it was, where it was UTF-8.
TEST(JsonEscape, IsReadBack) {
  for (int pair = 0; pair < 0x10000; ++pair) {
    const char bytes[] = {static_cast<char>(pair >> 8), static_cast<char>(pair)};
    const std::string_view text(bytes, 2);
    Writer writer;
    writer.string(text);
    Value value;
    std::string error;
    ASSERT_TRUE(parse(writer.text(), Limits(), &value, &error)) << pair << ": " << error;
    ASSERT_TRUE(is_utf8(value.text));
    if (is_utf8(text)) {
      ASSERT_EQ(value.text, text) << pair;
    }
  }
}

}  // namespace
}  // namespace keyward::json
