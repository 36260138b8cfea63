// Which credentials are accepted, how long they may be, and whether the backend sees them: keyward_accept,
// keyward_max_credential, keyward_forward_credential.
#include "auth/policy_rules.hpp"
#include "ngx/configuration/directive.hpp"
#include "ngx/configuration/reading.hpp"

namespace keyward {
namespace {

constexpr Choice<bool AcceptRule::*> kAccepted[] = {
    {"key", &AcceptRule::key},
    {"anonymous", &AcceptRule::anonymous},
    {"preflight", &AcceptRule::preflight},
    {"unprovisioned", &AcceptRule::unprovisioned},
};

Wrong add_key_names(std::string_view list, AcceptRule *rule) {
  std::vector<std::string_view> names;
  if (Wrong wrong = split_elements(list, &names)) {
    return wrong;
  }
  if (names.empty()) {
    return "\"key=\" needs the names of key formats, separated by commas, such as key=live";
  }
  for (const std::string_view name : names) {
    if (std::find(rule->key_formats.begin(), rule->key_formats.end(), name) != rule->key_formats.end()) {
      return quoted(name) + " is there twice in \"key=\"";
    }
    rule->key_formats.emplace_back(name);
  }
  return kGood;
}

Wrong add_accepted(std::string_view word, AcceptRule *rule) {
  if (const auto names = option(word, "key")) {
    if (Wrong wrong = add_key_names(*names, rule)) {
      return wrong;
    }
  } else if (bool AcceptRule::*const *accepted = choose(kAccepted, word)) {
    rule->**accepted = true;
  } else if (word == "pending") {
    return "\"pending\" is for locations with keyward_api only";
  } else if (word.find('=') != std::string_view::npos) {
    return "unknown parameter " + quoted(word) + "; only methods=M,... may come first, and key=NAME,... name formats";
  } else {
    // Whether there is such an issuer is seen once all are read.
    rule->issuers.emplace_back(word);
  }
  return kGood;
}

}  // namespace

Wrong set_max_credential(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf) {
  if (conf->max_credential) {
    return "is duplicate";
  }
  std::size_t bytes = 0;
  if (Wrong wrong = read_max_credential(words[1], &bytes)) {
    return wrong;
  }
  conf->max_credential = bytes;
  reading_of(cf).block(conf).max_credential_place = place_of(cf);
  return kGood;
}

Wrong set_accept(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf) {
  if (Wrong wrong = check_once(words, {"methods"})) {
    return wrong;
  }
  AcceptRule rule;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const auto methods = option(words[i], "methods");
    if (Wrong wrong = methods && i == 1 ? parse_methods(*methods, &rule.methods) : add_accepted(words[i], &rule)) {
      return wrong;
    }
  }
  if (rule.unprovisioned && rule.issuers.empty()) {
    return "\"unprovisioned\" is about tokens; write issuers with it, or \"keyward_accept token unprovisioned;\"";
  }
  if (rule.key && !rule.key_formats.empty()) {
    return "\"key\" accepts the keys of every format, also beside \"key=\"; write one of the two";
  }
  for (const std::string &name : rule.key_formats) {
    reading_of(cf).key_formats.push_back({name, place_of(cf)});
  }
  if (!rule.accepts_keys() && rule.issuers.empty() && !rule.anonymous && !rule.preflight) {
    return "names nothing to accept; write \"keyward_accept key;\"";
  }
  for (const std::string &name : rule.issuers) {
    // "key token" is the default, and does no harm without issuers; "token" alone would accept nothing.
    if (name != "token" || !(rule.accepts_keys() || rule.anonymous || rule.preflight)) {
      reading_of(cf).issuers.push_back({name, place_of(cf)});
    }
  }
  if (!conf->accept) {
    conf->accept.emplace();
  }
  conf->accept->push_back(std::move(rule));
  return kGood;
}

Wrong set_forward_credential(ngx_conf_t *, const Words &words, LocationConfiguration *conf) {
  if (conf->forward_credential) {
    return "is duplicate";
  }
  conf->forward_credential.emplace();
  return parse_on_off(words[1], &*conf->forward_credential);
}

}  // namespace keyward
