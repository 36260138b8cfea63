// The scanner that takes a text in pieces: what it refuses is what the reader over yajl refuses, however it is cut.
#include <gtest/gtest.h>

#include "json/json.hpp"
#include "json/stream_scan.hpp"
#include "vectors.hpp"

namespace keyward::json {
namespace {

// Writes down what it is told.
class Notes {
 public:
  explicit Notes(Want want) : want_(want) {}

  Want begin(Kind kind, std::uint64_t at) {
    notes += "(" + std::to_string(static_cast<int>(kind)) + "@" + std::to_string(at) + ' ';
    return want_;
  }
  void end(Kind kind, bool lone, std::uint64_t end) {
    notes += (lone ? " lone " : "") + std::to_string(static_cast<int>(kind)) + "@" + std::to_string(end) + ")";
  }
  Want begin_name() {
    notes += '<';
    return want_;
  }
  void end_name(bool lone) { notes += lone ? " lone>" : ">"; }
  void text(std::string_view piece) { notes += piece; }

  std::string notes;

 private:
  Want want_;
};

std::string scan_in_pieces(std::string_view text, std::size_t size, Want want = Want::decoded) {
  StreamScanner scanner;
  Notes notes(want);
  for (std::size_t at = 0; at < text.size(); at += size) {
    if (!scanner.scan(text.substr(at, size), notes)) {
      EXPECT_NE(scanner.problem(), nullptr);
      return "refused";
    }
  }
  return scanner.is_whole() ? notes.notes : "refused";
}

const char *const kGood[] = {
    "{}",
    " [ ] ",
    "0",
    "-0.5e+10",
    "12E3",
    "\"\"",
    "true",
    "null",
    R"({"a":[1,2,{"b":"c"}],"d":false})",
    "[[[[]]],{\"x\":{}}]",
    R"("\"\\\/\b\f\n\r\tA\u00e9\u20ac\ud83d\ude00")",
    "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 and more than eight plain characters\x7f\"",
    "{\"a\" : 1 ,\r\n\t\"b\" : [ 1 , 2 ] }\n",
};
const char *const kBad[] = {
    "",
    " ",
    "{",
    "[1,]",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{a:1}",
    "[1 2]",
    "01",
    "1.",
    ".5",
    "-",
    "-x",
    "1e",
    "1e+",
    "+1",
    "tru",
    "truE",
    "nul",
    "nulll",
    "\"a",
    "\"\\x\"",
    "\"\\u12g4\"",
    "\"\x01\"",
    "\"\xff\"",
    "\"\xc0\xaf\"",
    "\"\xed\xa0\x80\"",
    "\"\xe2\x82\"",
    "\"\xf5\x80\x80\x80\"",
    "{}{}",
    "1 1",
    "[]]",
    "}",
    "[}",
    "{]",
    "\xef\xbb\xbf{}",
    "\f{}",
    "// x\n{}",
    "'a'",
    "[1,,2]",
    "{\"a\":1 \"b\":2}",
    "{}\"js",
    "1\"",
    "NaN",
    "{\"a\"::1}",
    "\"\n\"",
    "\"a\" x",
    "{1:2}",
    "\"\xe2(\xa1\"",
};

TEST(JsonStream, TakesAndRefusesWhatTheOtherReaderDoes) {
  for (const char *text : kGood) {
    Value value;
    std::string error;
    EXPECT_TRUE(parse(text, {}, &value, &error)) << text << error;
    EXPECT_NE(scan_in_pieces(text, 1000), "refused") << text;
  }
  for (const char *text : kBad) {
    Value value;
    std::string error;
    EXPECT_FALSE(parse(text, {}, &value, &error)) << text;
    EXPECT_EQ(scan_in_pieces(text, 1000), "refused") << text;
  }
}

TEST(JsonStream, IsToldTheSameHoweverItIsCut) {
  for (const char *text : kGood) {
    for (const Want want : {Want::nothing, Want::raw, Want::decoded}) {
      const std::string whole = scan_in_pieces(text, 1000, want);
      for (std::size_t size = 1; size < 9; ++size) {
        EXPECT_EQ(scan_in_pieces(text, size, want), whole) << text << " by " << size;
      }
    }
  }
  for (const char *text : kBad) {
    for (std::size_t size = 1; size < 9; ++size) {
      EXPECT_EQ(scan_in_pieces(text, size), "refused") << text << " by " << size;
    }
  }
}

TEST(JsonStream, ShowsCharactersOrBytes) {
  EXPECT_EQ(scan_in_pieces(R"({"na\u006de":"\u20ac\ud83d\ude00\n"})", 3),
            "(0@0 <name>(2@13 \xe2\x82\xac\xf0\x9f\x98\x80\n2@35)0@36)");
  EXPECT_EQ(scan_in_pieces(R"(["a\u0062",-1.5])", 2, Want::raw), R"((1@0 (2@1 "a\u0062"2@10)(3@11 -1.53@15)1@16))");
}

TEST(JsonStream, TellsOfLoneSurrogates) {
  for (const char *text : {R"("\ud800")", R"("\udc00")", R"("\ud800x")", R"("\ud800\n")", R"("\ud800\ud800")",
                           R"("\ud800\u0041")", R"("\udc00\ud800")"}) {
    for (std::size_t size = 1; size < 9; ++size) {
      const std::string notes = scan_in_pieces(text, size);
      EXPECT_NE(notes.find(" lone 2"), std::string::npos) << text;
      EXPECT_NE(notes.find("\xef\xbf\xbd"), std::string::npos) << text;
    }
  }
  EXPECT_EQ(scan_in_pieces(R"({"\ud83d\ude00":1})", 1).find("lone"), std::string::npos);
}

TEST(JsonStream, NestsSoDeep) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_NE(scan_in_pieces(nested(128), 7), "refused");
  EXPECT_EQ(scan_in_pieces(nested(129), 7), "refused");
  EXPECT_EQ(scan_in_pieces(std::string(100000, '['), 1000), "refused");
}

TEST(JsonStream, RefusesEveryByteThatYajlsReaderRefuses) {
  const std::string text = "{\"a\xc3\xa9\":[1.5e3,\"\\u0041x\",true]}";
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = text;
      changed[at] = static_cast<char>(byte);
      Value value;
      std::string error;
      EXPECT_EQ(scan_in_pieces(changed, 5) != "refused", parse(changed, {}, &value, &error) || error.find("NUL") == 2)
          << at << ' ' << byte << ' ' << error;
    }
    EXPECT_EQ(scan_in_pieces(text.substr(0, at), 5), "refused");
  }
}

// JSONTestSuite (nst/JSONTestSuite): y_ must be taken, n_ refused, and of the free ones what is UTF-8 and nests within the
// limit is taken; lone surrogates are told to the sink.
TEST(JsonStream, AgreesWithTheTestSuite) {
  const auto folder = test::vectors_folder() / "JSONTestSuite" / "test_parsing";
  KEYWARD_NEED_VECTORS(folder);
  int seen = 0;
  for (const auto &entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string(), text = test::read_file(entry.path());
    const bool taken = scan_in_pieces(text, 1 + name.size() % 7) != "refused";
    if (name[0] == 'y' || name[0] == 'n') {
      ++seen;
      EXPECT_EQ(taken, name[0] == 'y') << name;
    } else {
      const bool is_lone = scan_in_pieces(text, 5).find(" lone") != std::string::npos;
      EXPECT_EQ(taken, name.compare(0, 9, "i_number_") == 0 || is_lone) << name;
    }
  }
  EXPECT_GE(seen, 283);
}

}  // namespace
}  // namespace keyward::json
