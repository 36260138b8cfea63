// Destination fields, and paths that two readers take differently.
#include "auth/destination.hpp"

#include <gtest/gtest.h>

#include <string>

namespace keyward::test {
namespace {

std::string split(std::string_view value) {
  DestinationText text;
  return split_destination(value, &text) ? std::string(text.origin) + '|' + std::string(text.target) : "none";
}

TEST(Destination, IsAPathOrAWholeUrl) {
  EXPECT_EQ("|/a/b?c=d", split("/a/b?c=d"));
  EXPECT_EQ("|/", split("/"));
  EXPECT_EQ("https://example.com:8443|/a/b", split("https://example.com:8443/a/b"));
  EXPECT_EQ("http://[::1]|/", split("http://[::1]/"));
  EXPECT_EQ("http://user@host|/a", split("http://user@host/a")) << "the origin is judged by others";
}

TEST(Destination, IsNoneOfTheseOthers) {
  for (const std::string_view value :
       {"", "a", "a/b", "*", "//host/path", "//", "http://host", "http://host?x=/a", "http:/host/a", "mailto:a/b",
        "/a b", "/a#b", "/a\tb", "/a\x7f", "\\a", "http://host\\a/b", " /a", "/a "}) {
    EXPECT_EQ("none", split(value)) << value;
  }
}

TEST(Destination, SaysWhereBackendsMightDiffer) {
  for (const std::string_view path : {"/a/..;/b", "/..;x=1", "/a/.;/b", "/;x/b", "/a\\b", "/a%2fb", "/a/%2e%2E/b"}) {
    EXPECT_TRUE(is_read_in_two_ways(path)) << path;
  }
  for (const std::string_view path :
       {"/", "", "/a/b", "/a;x=1/b;y", "/100%", "/100%/b", "/%zz", "/a..;b", "/...;x", "/a%2"}) {
    EXPECT_FALSE(is_read_in_two_ways(path)) << path;
  }
}

}  // namespace
}  // namespace keyward::test
