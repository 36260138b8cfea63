// The steps of a decision.
#include "decide/decide.hpp"

#include "base/networks.hpp"
#include "decide/key_lookup.hpp"
#include "decide/limits.hpp"
#include "decide/requirements.hpp"
#include "decide/scopes.hpp"
#include "decide/token_lookup.hpp"

namespace keyward {
namespace {

constexpr std::uint16_t kUnavailable = 503;

// Who is it?
Conclusion identify(const Case &one) {
  const Credential &credential = one.asked.credential;
  one.outcome.kind = credential.kind;
  if (credential.fault != Reason::none) {
    return credential.fault;
  }
  if (credential.kind == Kind::anonymous) {
    return Reason::none;
  }
  if (credential.kind == Kind::token) {
    return look_up_token(one);
  }
  return one.with.store == nullptr ? Conclusion(Reason::invalid_key) : look_up_key(one);
}

// A browser asks without a credential whether it may send one: the answer is the backend's, and nothing is charged.
bool is_preflight(const Case &one) noexcept { return one.asked.is_preflight && one.outcome.kind == Kind::anonymous; }

// May they come at all?
Reason admit(const Question &asked, const Outcome &outcome) noexcept {
  if (outcome.kind == Kind::anonymous) {
    return asked.accepted.anonymous ? Reason::none : Reason::missing_credential;
  }
  const bool accepted = outcome.kind == Kind::key
                            ? asked.accepted.key || (asked.accepted.key_names & asked.credential.format->name_bit) != 0
                            : asked.accepted.issuers != nullptr;
  if (!accepted) {
    return Reason::not_accepted;
  }
  const Principal &principal = *outcome.principal;
  if (principal.entry == Entry::open) {
    return Reason::none;
  }
  // Of a remembered principal, too: its address is that of the request.
  if (principal.entry == Entry::by_address) {
    return hold_address(principal.allow_from, asked.address) ? Reason::none : Reason::address_not_allowed;
  }
  return Reason::no_access;
}

// May they do what is asked here, and what do they pay for it?
Reason judge(const Case &one) {
  const Reason admitted = admit(one.asked, one.outcome);
  if (admitted != Reason::none && !one.outcome.principal) {
    return admitted;
  }
  Demand demand;
  if (!one.place.collect(&demand)) {
    return Reason::internal_error;
  }
  Reason reason = admitted != Reason::none ? admitted : check_scopes(demand, &one.outcome);
  if (reason == Reason::none && demand.requirement_count != 0) {
    reason = check_requirements(demand);
  }
  if (reason == Reason::none) {
    return charge_limits(one, demand.limits);
  }
  look_at_limits(one, demand.limits);
  return reason;
}

}  // namespace

Conclusion decide(const Case &one) {
  Conclusion conclusion = identify(one);
  if (conclusion == Reason::none && !is_preflight(one)) {
    conclusion = judge(one);
  }
  if (!conclusion) {
    return conclusion;
  }
  Outcome &outcome = one.outcome;
  outcome.reason = *conclusion;
  if (info(outcome.reason).status == kUnavailable && outcome.retry_after_s == 0) {
    // busy is over when a run ends; a store comes back within a second of being mended.
    outcome.retry_after_s = 1;
  }
  return conclusion;
}

Reason judge_subrequest(const Outcome *main) noexcept {
  const bool admitted = main != nullptr && main->decision == Decision::allowed;
  // A pending key is admitted to its own activation, and to nothing else.
  return admitted && !(main->principal && main->principal->pending) ? Reason::none : Reason::not_accepted;
}

void count_decision(const Case &one) noexcept {
  Outcome &outcome = one.outcome;
  Zone &zone = one.with.zone;
  zone.count_decision(static_cast<std::uint8_t>(outcome.reason));
  if (!outcome.has_usage_name && outcome.principal && outcome.kind == Kind::key) {
    outcome.usage_name = outcome.principal->usage_name;
    outcome.has_usage_name = true;
  }
  const bool admitted = outcome.reason == Reason::none;
  if (!outcome.has_usage_name || (admitted && one.state.use_counted)) {
    return;
  }
  one.state.use_counted = one.state.use_counted || admitted;
  const bool kept = admitted ? zone.keys->count_use(outcome.usage_name, one.asked.now_s)
                             : zone.keys->note_refusal(outcome.usage_name, static_cast<std::uint8_t>(outcome.reason),
                                                       one.asked.now_s);
  if (!kept) {
    zone.count_lost_usage();
  }
}

}  // namespace keyward
