// The checks of the fuzz target over made messages: some in each run of the tests, as many as one likes with
// KEYWARD_MCP_CASES.
#include <gtest/gtest.h>

#include <cstdlib>

#include "../fuzz/mcp_check.hpp"
#include "../fuzz/mcp_maker.hpp"

namespace keyward {
namespace {

TEST(McpDifferential, NoServerExecutesAProtectedCallThatIsJudgedAsAnotherOne) {
  const char *wanted = std::getenv("KEYWARD_MCP_CASES");
  const unsigned long cases = wanted != nullptr ? std::strtoul(wanted, nullptr, 10) : 20000;
  unsigned long accepted = 0;
  for (unsigned long seed = 1; seed <= cases; ++seed) {
    accepted += fuzz::check_mcp(fuzz::MessageMaker(static_cast<unsigned>(seed)).input()) ? 1U : 0U;
  }
  EXPECT_GT(accepted, cases / 10);  // else it would say little
  EXPECT_LT(accepted, cases);
  RecordProperty("accepted", std::to_string(accepted));
  std::printf("%lu of %lu messages were accepted\n", accepted, cases);
}

}  // namespace
}  // namespace keyward
