// JSON in: JSONTestSuite, what yajl alone lets pass, and errors that quote nothing.
#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <set>

#include "json/json.hpp"
#include "json/scan.hpp"
#include "vectors.hpp"

namespace keyward::json {
namespace {

std::string repeated(std::string_view part, std::size_t times) {
  std::string out;
  for (; times > 0; --times) {
    out += part;
  }
  return out;
}

Value parsed(std::string_view text) {
  Value value;
  std::string error;
  EXPECT_TRUE(parse(text, Limits(), &value, &error)) << text << ": " << error;
  EXPECT_TRUE(error.empty());
  return value;
}

std::string refusal(std::string_view text, Limits limits = Limits()) {
  Value value;
  value.type = Value::Type::string;
  std::string error;
  EXPECT_FALSE(parse(text, limits, &value, &error)) << text;
  EXPECT_EQ(value.type, Value::Type::null) << "left half-built by " << text;
  EXPECT_FALSE(error.empty());
  return error;
}

TEST(JsonReader, BuildsATree) {
  const Value value = parsed(R"( {"b":[1,-2.50e+3,"x",null,true,false],"a":{"":{}},"c":"é😀\n"} )");
  ASSERT_EQ(value.type, Value::Type::object);
  ASSERT_EQ(value.members.size(), 3U);
  EXPECT_EQ(value.members[0].first, "b");  // in the order of writing
  const Value &list = *value.find("b");
  ASSERT_EQ(list.items.size(), 6U);
  EXPECT_EQ(list.items[0].type, Value::Type::number);
  EXPECT_EQ(list.items[1].text, "-2.50e+3");  // as it was written
  EXPECT_EQ(list.items[2].text, "x");
  EXPECT_EQ(list.items[3].type, Value::Type::null);
  EXPECT_EQ(list.items[4].type, Value::Type::boolean);
  EXPECT_TRUE(list.items[4].boolean);
  EXPECT_FALSE(list.items[5].boolean);
  EXPECT_EQ(value.find("a")->find("")->type, Value::Type::object);
  EXPECT_EQ(value.find("c")->text, "\xc3\xa9\xf0\x9f\x98\x80\n");
  EXPECT_EQ(value.find("nope"), nullptr);
  EXPECT_EQ(list.find("b"), nullptr);
}

TEST(JsonReader, TakesScalarsAlone) {
  EXPECT_EQ(parsed("7").text, "7");
  EXPECT_EQ(parsed("\"a\"").text, "a");
  EXPECT_EQ(parsed(" null\n").type, Value::Type::null);
  EXPECT_EQ(parsed("true").boolean, true);
}

TEST(JsonReader, GivesTheCharactersOfEscapes) {
  EXPECT_EQ(parsed(R"("\"\\\/\b\f\n\r\t")").text, "\"\\/\b\f\n\r\t");
  EXPECT_EQ(parsed(R"("\u0041\u00e9\u20AC\uD83D\ude00\uFFFF")").text,
            "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbf");
  EXPECT_EQ(parsed(R"("\\u0041")").text, "\\u0041");
  EXPECT_EQ(parsed(R"("a\u0000b")").text, std::string("a\0b", 3));  // in a value; never in a name
  EXPECT_EQ(parsed(R"(["\uDBFF\uDFFF"])").items[0].text, "\xf4\x8f\xbf\xbf");
}

TEST(JsonReader, ReadsWholeNumbers) {
  struct {
    const char *text;
    bool whole;
    std::int64_t value;
  } const cases[] = {{"0", true, 0},
                     {"-0", true, 0},
                     {"42", true, 42},
                     {"-1", true, -1},
                     {"9223372036854775807", true, INT64_MAX},
                     {"-9223372036854775808", true, INT64_MIN},
                     {"9223372036854775808", false, 0},
                     {"-9223372036854775809", false, 0},
                     {"99999999999999999999", false, 0},
                     {"1e10", false, 0},
                     {"1.0", false, 0},
                     {"\"1\"", false, 0},
                     {"null", false, 0},
                     {"true", false, 0},
                     {"[1]", false, 0}};
  for (const auto &test : cases) {
    std::int64_t value = -7;
    EXPECT_EQ(parsed(test.text).as_int(&value), test.whole) << test.text;
    EXPECT_EQ(value, test.whole ? test.value : -7) << test.text;
  }
}

// yajl's own tree takes the first; others take the last: a gate and a backend could see different calls.
TEST(JsonReader, RefusesDuplicateMembers) {
  EXPECT_EQ(refusal(R"({"a":1,"a":1})"), "a member's name given twice at byte 9");
  for (const char *text :
       {R"({"a":1,"\u0061":1})", R"({"a":1,"b":2,"c":3,"b":4})", R"([{"x":{"a":1,"a":2}}])", R"({"":1,"":1})",
        "{\"\xc3\xa9\":1,\"\\u00e9\":2}", R"({"😀":1,"\ud83d\ude00":2})", R"({"a":{"a":1},"a":1})"}) {
    EXPECT_EQ(refusal(text).find("a member's name given twice"), 0U) << text;
  }
  parsed(R"({"a":{"a":{"a":1}},"A":1,"a ":1})");
  parsed(R"([{"a":1},{"a":1}])");
}

// A NUL ends the name for a parser in C: {"exp\u0000x":5,"exp":7} answered 5 for exp.
TEST(JsonReader, RefusesANulInAName) {
  for (const char *text : {R"({"exp\u0000x":5,"exp":7})", R"({"\u0000":1})", R"([{"a\u0000":1}])"}) {
    EXPECT_EQ(refusal(text).find("a NUL in a member's name"), 0U) << text;
  }
  refusal(std::string_view("{\"a\0\":1}", 8));
}

TEST(JsonReader, RefusesLoneSurrogates) {
  for (const char *text : {R"("\ud800")", R"("\udc00")", R"("\ud800x")", R"("\ud800\n")", R"("\ud800\ud800")",
                           R"("\ud800\u0041")", R"("\udc00\ud800")", R"("\uDFFF")", R"({"\udbff":1})",
                           R"("\ud83d\ude0")", R"("\ud83d\\ude00")", R"("\ud83d)", R"("\ud83d\)", R"("\ud83d\u)"}) {
    EXPECT_EQ(refusal(text).find("a lone surrogate"), 0U) << text;
  }
}

TEST(JsonReader, RefusesBytesThatAreNotUtf8) {
  for (const char *bytes :
       {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80", "\xf8\x88\x80\x80\x80"}) {
    EXPECT_EQ(refusal('"' + std::string(bytes) + '"'), "invalid UTF-8 at byte 1");
    EXPECT_EQ(refusal("{\"a" + std::string(bytes) + "\":1}").find("invalid UTF-8"), 0U);
  }
}

TEST(JsonReader, RefusesWhatYajlTakesForWhiteSpaceOrComments) {
  for (const std::string_view text :
       {std::string_view("[1\f]"), std::string_view("\v[1]"), std::string_view("[1]\f"), std::string_view("/**/[1]"),
        std::string_view("[1]//x"), std::string_view("[1,/*2*/3]"), std::string_view("\xef\xbb\xbf[1]"),
        std::string_view("\xc2\xa0[1]"), std::string_view("[1]\0", 4), std::string_view("#[1]"),
        std::string_view("['a']")}) {
    EXPECT_EQ(refusal(text).find("an unexpected character"), 0U) << text;
  }
}

TEST(JsonReader, RefusesWhatIsNoDocument) {
  EXPECT_EQ(refusal(""), "an empty text");
  EXPECT_EQ(refusal(" \n\t\r"), "an empty text");
  for (const char *text :
       {"[",         "{",         "\"",          "[1",          "{\"a\"",   "{\"a\":",    "{\"a\":1", "tru",
        "-",         "1.",        "1e",          "1e+",         "01",       "+1",         ".5",       "1.e1",
        "0x1",       "1 2",       "[1][2]",      "{}{}",        "[1,]",     "{\"a\":1,}", "[,1]",     "{,}",
        "{1:2}",     "{a:1}",     "nan",         "NaN",         "Infinity", "-Infinity",  "True",     "nulll",
        "[1}",       "{]",        "]",           "}",           "[]]",      "\"a\"\"b\"", "\"\t\"",   "\"\n\"",
        "\"\\x41\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\U0041\"", "\"\\'\"",  "\"\\\"",     ":",        ",",
        "--1",       "1-",        "1e1.5",       "{}\"js",      "1\""}) {
    refusal(text);
  }
}

TEST(JsonReader, SaysWhereTheProblemIs) {
  EXPECT_EQ(refusal("[1,\f2]"), "an unexpected character at byte 3");
  EXPECT_EQ(refusal("[\"a\x01\"]"), "a control character in a string at byte 3");
  EXPECT_EQ(refusal("[\"a\\x\"]"), "an unknown escape at byte 3");
  EXPECT_EQ(refusal("[]]"), "a bracket that closes nothing at byte 2");
  EXPECT_EQ(refusal("[1"), "not valid JSON at byte 2");
}

// Whatever a text's fault, none of what it holds comes back: it may be a key.
TEST(JsonReader, NeverQuotesTheText) {
  const std::string canary = "CANARYCANARY";
  for (const std::string &text :
       {"{\"" + canary + "\":1,\"" + canary + "\":2}", "{\"" + canary + "\\u0000\":1}", canary, "\"" + canary,
        "[\"" + canary + "\",]", "\"" + canary + "\xff\"", "\"" + canary + "\\ud800\"",
        "{\"key\":\"" + canary + "\"} x", "{\"key\" \"" + canary + "\"}"}) {
    EXPECT_EQ(refusal(text).find("CANARY"), std::string::npos) << text;
  }
}

TEST(JsonReader, KeepsItsLimits) {
  parsed(repeated("[", 16) + repeated("]", 16));
  parsed(repeated("{\"a\":", 16) + "1" + repeated("}", 16));
  EXPECT_EQ(refusal(repeated("[", 17) + repeated("]", 17)), "too many levels of nesting at byte 16");
  refusal(repeated("{\"a\":", 17) + "1" + repeated("}", 17));
  parsed("[" + repeated("[],", 1000) + "[]]");
  parsed("\"" + repeated("[{", 1000) + "\"");
  Limits small;
  small.bytes = 4;
  EXPECT_EQ(refusal("[1,2]", small), "more than 4 bytes");
  Limits few;
  few.values = 4;
  EXPECT_EQ(refusal("[1,2,3,4]", few), "too many values at byte 6");
  Value value;
  std::string error;
  for (const char *text : {"[1,2]", R"([",,,{{["])"}) {
    EXPECT_TRUE(parse(text, few, &value, &error)) << text << ": " << error;
  }
  EXPECT_TRUE(parse("[12]", small, &value, &error));
  small.depth = 0;
  EXPECT_TRUE(parse("1", small, &value, &error));
  refusal("[]", small);
}

TEST(JsonReader, CostsNothingAtADepthOfAHundredThousand) {
  refusal(repeated("[", 100000));
  refusal(repeated("{\"a\":", 100000));
  refusal(repeated("[{\"\":", 100000));
  EXPECT_EQ(refusal(repeated("]", 100000)).find("a bracket"), 0U);
}

// Comparing each name with each before it would take minutes.
TEST(JsonReader, IsQuickWithManyMembers) {
  std::string text = "{";
  for (int i = 0; i < 90000; ++i) {
    text += '"' + std::to_string(i) + "\":0,";
  }
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(parsed(text + "\"x\":0}").members.size(), 90001U);
  EXPECT_EQ(refusal(text + "\"44444\":0}").find("a member's name given twice"), 0U);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

// Any cut and any changed byte of a good document: no crash, and what passes is valid UTF-8 and has no twins.
TEST(JsonReader, SurvivesEveryCutAndEveryByte) {
  const std::string good = R"({"a":[1,-2.5e3,"\ud83d\ude00\n"],"b":{"c":null},"d":true})";
  for (std::size_t at = 0; at < good.size(); ++at) {
    refusal(good.substr(0, at));
    for (int value = 0; value < 256; ++value) {
      std::string text = good;
      text[at] = static_cast<char>(value);
      Value out;
      std::string error;
      if (!parse(text, Limits(), &out, &error)) {
        ASSERT_FALSE(error.empty());
      } else {
        ASSERT_EQ(out.type, Value::Type::object);
        std::set<std::string> names;
        for (const Value::Member &member : out.members) {
          ASSERT_TRUE(names.insert(member.first).second);
        }
      }
    }
  }
}

TEST(JsonScan, LeavesTheGrammarToTheParser) {
  EXPECT_EQ(scan("{]", 16, 16).problem, nullptr);
  EXPECT_EQ(scan("", 0, 16).problem, nullptr);
  EXPECT_NE(scan("[", 0, 16).problem, nullptr);
}

// JSONTestSuite (nst/JSONTestSuite): y_ must be taken, n_ refused, i_ is free.
class JsonTestSuite : public testing::Test {
 protected:
  static std::filesystem::path folder() { return test::vectors_folder() / "JSONTestSuite" / "test_parsing"; }

  static bool takes(const std::filesystem::path &path) {
    Value value;
    std::string error;
    Limits limits;
    limits.depth = 1000;
    return parse(test::read_file(path), limits, &value, &error);
  }
};

TEST_F(JsonTestSuite, Agrees) {
  KEYWARD_NEED_VECTORS(folder());
  // Valid for RFC 8259, refused by design: two parsers may disagree about what these say.
  const std::set<std::string> refused = {
      "y_object_duplicated_key.json",            // {"a":"b","a":"c"}
      "y_object_duplicated_key_and_value.json",  // {"a":"b","a":"b"}
      "y_object_escaped_null_in_key.json",       // {"foo\u0000bar": 42}
  };
  int good = 0;
  int bad = 0;
  for (const auto &entry : std::filesystem::directory_iterator(folder())) {
    const std::string name = entry.path().filename().string();
    if (name[0] == 'y') {
      ++good;
      EXPECT_EQ(takes(entry.path()), refused.count(name) == 0) << name;
    } else if (name[0] == 'n') {
      ++bad;
      EXPECT_FALSE(takes(entry.path())) << name;
    }
  }
  EXPECT_GE(good, 95);
  EXPECT_GE(bad, 188);
}

// Of the free ones only numbers of any size and deep arrays pass (these within the limit, here 1,000): a number is kept
// as written, and bad UTF-8, lone surrogates, UTF-16 and byte order marks are refused.
TEST_F(JsonTestSuite, TakesOfTheFreeOnesNumbersOnly) {
  KEYWARD_NEED_VECTORS(folder());
  for (const auto &entry : std::filesystem::directory_iterator(folder())) {
    const std::string name = entry.path().filename().string();
    if (name[0] == 'i') {
      EXPECT_EQ(takes(entry.path()),
                name.compare(0, 9, "i_number_") == 0 || name == "i_structure_500_nested_arrays.json")
          << name;
    }
  }
}

}  // namespace
}  // namespace keyward::json
