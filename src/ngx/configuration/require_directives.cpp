// What has to hold beside scopes: keyward_require, and claims as variables for it: keyward_claim.
#include <algorithm>

#include "auth/issuer_rules.hpp"
#include "base/ascii.hpp"
#include "ngx/configuration/directive.hpp"
#include "ngx/configuration/reading.hpp"

namespace keyward {
namespace {

constexpr std::uint16_t kForbidden = 403;
constexpr std::size_t kMaxClaimVariables = 64;

// --- keyward_require -------------------------------------------------------------------------------------------

std::string forbidden_reasons() {
  std::string names;
  for (std::size_t i = 0; i < kReasonCount; ++i) {
    const ReasonInfo &one = info(static_cast<Reason>(i));
    if (one.status == kForbidden) {
      names += (names.empty() ? "" : ", ") + std::string(one.name);
    }
  }
  return names;
}

Wrong set_require_reason(const Given &given, RequireRule *rule) {
  const std::optional<Reason> reason = reason_by_name(given.value);
  if (!reason || info(*reason).status != kForbidden) {
    return quoted(given.word) + " names no reason of a 403; write one of " + forbidden_reasons();
  }
  rule->reason = *reason;
  return kGood;
}

constexpr Parameter<RequireRule> kRequireParameters[] = {{"reason", set_require_reason}};

Wrong add_value(ngx_conf_t *cf, std::string_view word, RequireRule *rule) {
  if (word == "none") {
    return "\"none\" must stand alone";
  }
  if (const auto meant = meant_parameter(word, names_of(kRequireParameters))) {
    return quoted(word) + " is no value, it looks like a parameter; write " + *meant;
  }
  ngx_str_t text = borrow(word);
  if (ngx_http_script_variables_count(&text) == 0) {
    return quoted(word) + " has no variable, so that it would hold always or never; write one such as " +
           "$keyward_claim_email_verified";
  }
  ngx_http_complex_value_t *value = nullptr;
  Wrong wrong = compile_value(cf, word, &value);
  rule->values.push_back(value);
  return wrong;
}

// --- keyward_claim ---------------------------------------------------------------------------------------------

bool is_variable_name(std::string_view word) noexcept {
  return word.size() > 1 && word.front() == '$' &&
         std::all_of(word.begin() + 1, word.end(), [](char c) { return is_alphanumeric(c) || c == '_'; });
}

}  // namespace

Wrong set_require(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf) {
  std::string &place = reading_of(cf).block(conf).requirements_place;
  place = place.empty() ? place_of(cf) : place;
  bool done = false;
  Wrong wrong = begin_rule(kRequireParameters, words, "keyward_require none", &conf->requirements, &done);
  if (wrong || done) {
    return wrong;
  }
  RequireRule rule;
  wrong = read_rule(kRequireParameters, cf, words, 1, &rule,
                    [&](std::string_view word) { return add_value(cf, word, &rule); });
  if (!wrong && rule.values.empty()) {
    wrong = "names no value; write one with a variable, such as \"keyward_require $keyward_claim_email_verified;\"";
  }
  if (!wrong) {
    conf->requirements->push_back(std::move(rule));
  }
  return wrong;
}

Wrong set_claim(ngx_conf_t *cf, const Words &words, MainConfiguration *conf) {
  if (!is_variable_name(words[1])) {
    return quoted(words[1]) + " is no variable; write its name with \"$\", such as $roles";
  }
  std::string name(words[1].substr(1));
  std::transform(name.begin(), name.end(), name.begin(), to_lower);
  if (name.compare(0, 8, "keyward_") == 0) {
    return quoted(words[1]) + " is a name that keyward keeps for itself; write another one, such as $roles";
  }
  if (Wrong wrong = check_claim(words[2])) {
    return wrong;
  }
  if (conf->claim_variables.size() == kMaxClaimVariables) {
    return "is written more than " + std::to_string(kMaxClaimVariables) + " times";
  }
  ngx_str_t shown = copy(cf->pool, name);
  ngx_http_variable_t *variable =
      shown.data == nullptr ? nullptr : ngx_http_add_variable(cf, &shown, NGX_HTTP_VAR_NOCACHEABLE);
  // One that may be defined again (by `set`, a map) is given back as it is; of any other nginx has told.
  if (variable == nullptr || variable->get_handler != nullptr) {
    return quoted(words[1]) + " is there already; write another name";
  }
  conf->claim_variables.push_back({name, variable});
  conf->policy.claims.emplace_back(words[2]);
  // To whoever looks for variables that come down to who asks, it is one that reads a claim.
  reading_of(cf).watch->computed.push_back({name, {"keyward_claim_" + name}, false});
  return kGood;
}

}  // namespace keyward
