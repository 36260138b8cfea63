// The pieces of an MCP request: reading its body, its fields, the rules; and filtering a list.
#include <benchmark/benchmark.h>

#include <string>

#include "mcp/fields.hpp"
#include "mcp/list_filter.hpp"
#include "mcp/reader.hpp"
#include "mcp/rules.hpp"

namespace keyward::mcp {
namespace {

// A tools/call of so many bytes.
std::string call_of(std::size_t size) {
  const std::string head =
      R"({"jsonrpc":"2.0","id":17,"method":"tools/call","params":{"name":"search_documents","arguments":)"
      R"({"limit":10,"filters":{"language":"en","since":"2026-01-01"},"query":")";
  const std::string tail = R"("},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}})";
  return head + std::string(size - head.size() - tail.size(), 'q') + tail;
}

RuleList rules_of(std::size_t count) {
  std::vector<Rule> rules;
  for (std::size_t i = 0; i < count; ++i) {
    Rule &rule = rules.emplace_back();
    parse_tool_rule(i + 1 == count ? "search_documents" : "tool_" + std::to_string(i), &rule);
    rule.scopes.emplace_back("documents:read");
  }
  return {std::move(rules), {"initialize"}};
}

void call_is_read(benchmark::State &state, bool with_digest) {
  const std::string body = call_of(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    Message message;
    MessageReader reader(&message, with_digest);
    benchmark::DoNotOptimize(reader.read(body));
    reader.finish();
    if (message.fault() != Fault::none) {
      state.SkipWithError(message.problem());
    }
  }
}
BENCHMARK_CAPTURE(call_is_read, plain, false)->Arg(300)->Arg(4096)->Arg(61440);
BENCHMARK_CAPTURE(call_is_read, by_repeat, true)->Arg(300);

void call_is_judged(benchmark::State &state) {
  const RuleList rules = rules_of(static_cast<std::size_t>(state.range(0)));
  Message message;
  MessageReader reader(&message);
  reader.read(call_of(300));
  reader.finish();
  Fields fields;
  fields.version = {"2026-07-28", 1};
  fields.method = {"tools/call", 1};
  fields.name = {"search_documents", 1};
  fields.content_type = {"application/json", 1};
  for (auto _ : state) {
    benchmark::DoNotOptimize(make_call(message, fields));
    benchmark::DoNotOptimize(rules.judge(message));
  }
}
BENCHMARK(call_is_judged)->Arg(1)->Arg(10)->Arg(500);

void list_is_filtered(benchmark::State &state) {
  const RuleList rules = rules_of(50);
  const Grants grants("documents:read", {});
  ListReader reader;
  reader.rules = &rules;
  reader.grants = &grants;
  std::string answer = R"({"jsonrpc":"2.0","id":1,"result":{"tools":[)";
  for (int i = 0; i < 100; ++i) {
    answer += (i == 0 ? "" : ",") + std::string(R"({"name":"tool_)") + std::to_string(i) + R"(","description":")" +
              std::string(200, 'd') +
              R"(","inputSchema":{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"}}}})";
  }
  answer += "]}}";
  for (auto _ : state) {
    std::string out;
    benchmark::DoNotOptimize(filter_list(reader, answer, &out));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(answer.size()));
}
BENCHMARK(list_is_filtered);

}  // namespace
}  // namespace keyward::mcp
