// Where a request stands: what its location demands, with variables computed for one request.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

#include "decide/demand.hpp"
#include "mcp/rules.hpp"
#include "ngx/configuration/configuration.hpp"
#include "ngx/nginx/ngx.hpp"
#include "ngx/request/message.hpp"

namespace keyward {

// Rules about scopes and limits.
class LocationPlace : public Place {
 public:
  LocationPlace(ngx_http_request_t *r, const LocationConfiguration &location) noexcept : r_(r), location_(location) {}

  bool collect(Demand *demand) override;
  void collect_failure_limits(LimitDemands *limits) noexcept override;
  HeldPlaces *held_places() noexcept override;
  PaidCredits *paid_credits() noexcept override;
  Repeatable repeatable() noexcept override { return {view(r_->method_name), view(r_->unparsed_uri), {}}; }

 protected:
  ngx_http_request_t *request() const noexcept { return r_; }
  const LocationConfiguration &location() const noexcept { return location_; }

  // Those of the location that are about the request's method. false: memory was refused.
  bool collect_scopes(const std::vector<ScopeRule> &rules, Demand *demand) noexcept {
    return collect_scopes(rules, 0, demand);
  }
  // With room for so many more.
  bool collect_scopes(const std::vector<ScopeRule> &rules, std::size_t more, Demand *demand) noexcept;
  void add_scope(const ScopeDemand &scope, Demand *demand) noexcept;
  // A limit of the location, if it is about the request's method, and not by=failures. false: its variable could not be
  // computed, or there is no room.
  bool add_limit(const LimitRule &rule, LimitDemands *limits) noexcept;

 private:
  // What a variable makes no scope is an empty text; nullptr: memory was refused.
  const std::string_view *compute(const ScopeRule &rule) noexcept;

  static constexpr std::size_t kFew = 8;

  ngx_http_request_t *r_;
  const LocationConfiguration &location_;
  alignas(ScopeDemand) unsigned char few_[kFew * sizeof(ScopeDemand)];  // not initialised
};

// Where rules have variables in them: only there are requirements.
class VariablePlace : public LocationPlace {
 public:
  using LocationPlace::LocationPlace;

  bool collect(Demand *demand) override;

 protected:
  bool collect_requirements(Demand *demand) noexcept;

 private:
  const std::string_view *compute(const RequireRule &rule) noexcept;  // nullptr: memory was refused
};

// In an MCP location: what the rules that match its message demand, too. judgement: nullptr where there is no message.
class MessagePlace final : public VariablePlace {
 public:
  MessagePlace(ngx_http_request_t *r, const LocationConfiguration &location, const MessageState &state,
               const mcp::Judgement *judgement) noexcept
      : VariablePlace(r, location), terms_(*location.mcp_terms), state_(state), judgement_(judgement) {}

  bool collect(Demand *demand) override;
  Repeatable repeatable() noexcept override;

 private:
  // Whether it is open for long, as streams are: these take no place of requests at once.
  bool is_stream() const noexcept;
  bool is_repeatable() const noexcept;
  // The place of the next rule that matches, from this one on; kMaxRules: there is none.
  std::size_t next_rule(std::size_t from) const noexcept;
  void collect_rule_scopes(Demand *demand) noexcept;
  bool collect_all_limits(Demand *demand) noexcept;  // false: a variable could not be computed
  // These three: false where one message would add more than there is room for.
  bool add_message_limit(const ConfiguredLimit &limit, std::string_view who, LimitDemands *limits) noexcept;
  bool add_rule_limits(LimitDemands *limits) noexcept;
  bool add_tool_limits(const LimitRule &rule, LimitDemands *limits) noexcept;

  const McpTerms &terms_;
  const MessageState &state_;
  const mcp::Judgement *judgement_;
  std::array<char, sizeof(Sha256) + 32> content_;  // of repeatable(); not initialised
};

}  // namespace keyward
