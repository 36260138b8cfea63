// The checks of the fuzz target over made messages: some in each run of the tests, as many as one likes with
// KEYWARD_MCP_CASES. KEYWARD_MCP_OUT=FILE: writes down what was made of each, for t/e2e/test_mcp_differential.py.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "../fuzz/mcp_check.hpp"
#include "../fuzz/mcp_maker.hpp"
#include "base/hex.hpp"

namespace keyward {
namespace {

unsigned wanted_cases() {
  const char *wanted = std::getenv("KEYWARD_MCP_CASES");
  return wanted != nullptr ? static_cast<unsigned>(std::strtoul(wanted, nullptr, 10)) : 20000;
}

std::string body_of(std::string_view input) {
  for (int line = 0; line < 3; ++line) {
    fuzz::take_line(&input);
  }
  return std::string(input);
}

TEST(McpDifferential, NoServerExecutesAProtectedCallThatIsJudgedAsAnotherOne) {
  const unsigned cases = wanted_cases();
  const char *path = std::getenv("KEYWARD_MCP_OUT");
  std::ofstream out;
  if (path != nullptr) {
    out.open(path);
  }
  unsigned accepted = 0;
  for (unsigned seed = 1; seed <= cases; ++seed) {
    const std::string input = fuzz::MessageMaker(seed).input();
    if (!fuzz::check_mcp(input)) {
      continue;
    }
    ++accepted;
    if (out.is_open()) {
      // Of each that is accepted: public or not, the rules that hold, method, name, body.
      const std::string body = body_of(input);
      const auto message = fuzz::mcp_check::read(body, body.size() + 1);
      const mcp::Judgement judgement = fuzz::mcp_check::rules().judge(*message);
      out << (judgement.is_public ? '1' : '0') << (judgement.verdict == mcp::RuleVerdict::fine ? '1' : '0');
      for (std::size_t rule = 0; rule < fuzz::mcp_check::kRuleCount; ++rule) {
        out << (judgement.matching.has(rule) ? '1' : '0');
      }
      out << ' ' << to_hex(message->method_text()) << ". " << to_hex(message->name()) << ". " << to_hex(body) << '\n';
    }
  }
  EXPECT_GT(accepted, cases / 10);  // else it would say little
  EXPECT_LT(accepted, cases);
  EXPECT_TRUE(path == nullptr || out.good());
}

}  // namespace
}  // namespace keyward
