// What is demanded of whoever asks: which credentials, which scopes, what else has to hold, which limits. Collected first (from a location,
// from the rules of a tool), then judged and charged as a whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "auth/reason.hpp"
#include "base/inline_list.hpp"
#include "base/rate.hpp"
#include "decide/issuer_list.hpp"
#include "limit/held_places.hpp"
#include "limit/paid_credits.hpp"

namespace keyward {

// Which credentials are accepted.
struct Accepted {
  bool key = false, anonymous = false, preflight = false, unprovisioned = false;
  bool pending = false;                 // keys that wait for their code verifier, too: where they are activated
  std::uint64_t key_names = 0;          // without `key`: of these formats only (KeyFormat::name_bit)
  const IssuerList *issuers = nullptr;  // nullptr: no token is accepted

  bool accepts_keys() const noexcept { return key || key_names != 0; }
};

// All of these scopes, or (any) one of them. An empty text is a scope that nobody has: a variable made it none.
struct ScopeDemand {
  bool any = false;
  const std::string_view *scopes = nullptr;
  std::size_t count = 0;
};

// All of these values must hold: none is empty, "0" or "false".
struct RequirementDemand {
  const std::string_view *values = nullptr;
  std::size_t count = 0;
  Reason reason = Reason::requirement_failed;  // what it is if one doesn't
};

enum class CountBy : std::uint8_t {
  key,
  subject,
  address,
  failures,  // wrong secrets from an address
  variable,
  repeat,  // the same request of a principal
  tool,    // a principal, for each rule about the message's tool (or other name)
};

// window=; of `plan`: of those of its limits that aren't by the calendar anyway; by the calendar only days go.
enum class WindowForm : std::uint8_t { fixed, sliding, calendar };

enum class LimitKind : std::uint8_t {
  rate,         // so many in a window
  plan,         // the principal's own rates
  concurrency,  // so many at once
  credits,      // taken from a balance
};

// One limit, as it is configured.
struct ConfiguredLimit {
  LimitKind kind = LimitKind::rate;
  // By the calendar, where window= makes it so. Of concurrency the count alone, and 0 is the principal's own.
  Rate rate;
  CountBy by = CountBy::key;
  WindowForm window = WindowForm::fixed;
  std::uint32_t cost = 1;
  std::uint8_t refund = 0;     // of credits only: what gives them back, a set of CreditRefund
  std::string name;            // name=; empty: known by where it is written
  std::string default_plan;    // plan only: whose limits apply to a principal without any
  std::uint64_t identity = 0;  // what its windows are named after
};

// A limit that applies to this request.
struct LimitDemand {
  const ConfiguredLimit *configured = nullptr;
  std::uint32_t cost = 1;
  // By variable: its value; by tool: what the rule is known by. Empty: nobody is counted.
  std::string_view who;
};

// How many limits may apply at one place, and of "plan" one for each way of counting; and how many of so many at once.
// And how many costs in credits.
inline constexpr std::size_t kMaxLimitRules = 16, kMaxConcurrencyRules = 4, kMaxCostRules = 8;
// How many the rules about one message may add.
inline constexpr std::size_t kMaxMessageLimits = 32;
using LimitDemands = InlineList<LimitDemand, kMaxLimitRules + kMaxCostRules + kMaxMessageLimits + kMaxConcurrencyRules>;

// Whoever collects it keeps what it points to until the decision has ended.
struct Demand {
  // Whether there are rules about scopes at all. If none of them covers the request's method, nobody may use it.
  bool has_scope_rules = false;
  // What it is then; also what rules about a message say against it, whoever asks.
  Reason uncovered = Reason::method_not_covered;
  bool tells_all_scopes = false;  // a refusal names all scopes that are needed, not those of the first rule that fails
  const ScopeDemand *scopes = nullptr;
  std::size_t scope_count = 0;
  const RequirementDemand *requirements = nullptr;
  std::size_t requirement_count = 0;
  LimitDemands
      limits;  // those by failures are among failure_limits(); of so many at once at the end, behind those of credits
};

// What makes a request the same as another one of its principal; views into the request.
struct Repeatable {
  std::string_view method, target;
  std::string_view content;  // of a message: what its body asks for; empty: it doesn't matter
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
  // What this request holds of limits of so many at once, until its end. nullptr: memory was refused.
  virtual HeldPlaces *held_places() noexcept = 0;
  // What this request pays in credits, until its end. nullptr: memory was refused.
  virtual PaidCredits *paid_credits() noexcept = 0;
  // Asked for limits by=repeat.
  virtual Repeatable repeatable() noexcept = 0;
};

}  // namespace keyward
