// What is demanded of whoever asks: which credentials, which scopes, which limits. Collected first (from a location,
// from the rules of a tool), then judged and charged as a whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/inline_list.hpp"
#include "base/rate.hpp"

namespace keyward {

// Issuers in the order in which they are asked, each once, by their places among the configured ones. Equal lists are
// one object, whose address is what a remembered token is bound to.
using IssuerList = std::vector<std::size_t>;

// Which credentials are accepted.
struct Accepted {
  bool key = false, anonymous = false, preflight = false, unprovisioned = false;
  const IssuerList *issuers = nullptr;  // nullptr: no token is accepted
};

// All of these scopes, or (any) one of them. An empty text is a scope that nobody has: a variable made it none.
struct ScopeDemand {
  bool any = false;
  const std::string_view *scopes = nullptr;
  std::size_t count = 0;
};

enum class CountBy : std::uint8_t {
  key,
  subject,
  address,
  failures,  // wrong secrets from an address
  variable,
};

// window=; of `plan`: of those of its limits that aren't by the calendar anyway; by the calendar only days go.
enum class WindowForm : std::uint8_t { fixed, sliding, calendar };

// One limit, as it is configured.
struct ConfiguredLimit {
  bool plan = false;  // the principal's own limits; else rate
  Rate rate;          // by the calendar, where window= makes it so
  CountBy by = CountBy::key;
  WindowForm window = WindowForm::fixed;
  std::uint32_t cost = 1;
  std::string name;            // name=; empty: known by where it is written
  std::string default_plan;    // plan only: whose limits apply to a principal without any
  std::uint64_t identity = 0;  // what its windows are named after
};

// A limit that applies to this request.
struct LimitDemand {
  const ConfiguredLimit *configured = nullptr;
  std::uint32_t cost = 1;
  std::string_view who;  // by variable: its value; empty: nobody is counted
};

// How many limits may apply at one place, and of "plan" one for each way of counting.
inline constexpr std::size_t kMaxLimitRules = 16;
using LimitDemands = InlineList<LimitDemand, kMaxLimitRules>;

// Whoever collects it keeps what it points to until the decision has ended.
struct Demand {
  // Whether there are rules about scopes at all. If none of them covers the request's method, nobody may use it.
  bool has_scope_rules = false;
  const ScopeDemand *scopes = nullptr;
  std::size_t scope_count = 0;
  LimitDemands limits;  // those by failures are among failure_limits()
};

// Where a request stands, as the source of what is demanded there.
class Place {
 public:
  virtual ~Place() = default;

  // What applies here to this request. Asked once it is known who asks, as variables may name them. false: memory was
  // refused.
  virtual bool collect(Demand *demand) = 0;
  // The limits by=failures that apply here. Asked before it is known who asks.
  virtual void collect_failure_limits(LimitDemands *limits) noexcept = 0;
};

}  // namespace keyward
