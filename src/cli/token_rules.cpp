// The rules of keyward token inspect.
#include "cli/token_rules.hpp"

#include <algorithm>
#include <utility>

#include "auth/issuer_rules.hpp"
#include "base/file.hpp"
#include "base/quote.hpp"
#include "cli/arguments.hpp"
#include "cli/nginx_walk.hpp"
#include "cli/policy_config.hpp"

namespace keyward::cli {
namespace {

// NAME=FILE of --keys: the set that an issuer publishes.
Outcome use_saved_sets(const TextList &keys, std::vector<ConfiguredIssuer> *issuers,
                       std::vector<std::string> *remarks) {
  for (const auto &one : keys.values) {
    const std::size_t equals = one.find('=');
    const auto issuer = std::find_if(issuers->begin(), issuers->end(), [&](const ConfiguredIssuer &candidate) {
      return candidate.rules.name == one.substr(0, equals);
    });
    if (equals == std::string::npos || issuer == issuers->end()) {
      return wrong_usage("--keys: " + quote(one) + " names no issuer of the configuration; write NAME=FILE");
    }
    if (!issuer->is_fetched()) {
      return wrong_usage("--keys: the issuer " + quote(issuer->rules.name) + " has no jwks_uri; its keys are in " +
                         quote(issuer->where));
    }
    if (auto outcome = load_issuer_keys(one.substr(equals + 1), &*issuer, remarks); !outcome.ok()) {
      return outcome;
    }
  }
  return done();
}

Outcome choose(const TextList &accept, std::vector<ConfiguredIssuer> *issuers) {
  if (!accept.given) {
    return done();
  }
  std::vector<ConfiguredIssuer> chosen;
  for (const auto &name : accept.values) {
    const auto found = std::find_if(issuers->begin(), issuers->end(),
                                    [&](const ConfiguredIssuer &issuer) { return issuer.rules.name == name; });
    if (found == issuers->end()) {
      return wrong_usage("--accept: the configuration has no issuer " + quote(name));
    }
    chosen.push_back(*found);
  }
  *issuers = std::move(chosen);
  return done();
}

Outcome from_configuration(const TokenRuleOptions &options, TokenRules *rules, std::vector<std::string> *remarks) {
  std::vector<ConfiguredIssuer> *all = &rules->all, *issuers = &rules->accepted;
  std::string text;
  auto outcome = read_configuration_file(options.conf.value, "token", &text);
  outcome = outcome.ok() ? read_issuers(text, folder_of(options.conf.value) + '/', all, remarks) : outcome;
  if (outcome.ok() && all->empty()) {
    outcome = wrong_usage("--conf: " + quote(options.conf.value) +
                          " has no keyward_issuer; give what `nginx -T` prints, which has included files, too");
  }
  ConfiguredPolicy configured;
  std::vector<std::string> same_remarks;  // about includes
  outcome = outcome.ok() ? read_policy(text, &configured, &same_remarks) : outcome;
  rules->policy = std::move(configured.policy);
  rules->max_credential = std::max(rules->max_credential, configured.max_credential);
  rules->has_configuration = true;
  outcome = outcome.ok() ? use_saved_sets(options.keys, all, remarks) : outcome;
  *issuers = *all;
  outcome = outcome.ok() ? choose(options.accept, issuers) : outcome;
  for (auto &issuer : *issuers) {
    if (outcome.ok() && issuer.is_fetched() && issuer.keys == nullptr) {
      remarks->push_back("the keys of the issuer " + quote(issuer.rules.name) +
                         (issuer.from == KeysFrom::discovery ? " are where the metadata say of " : " are at ") +
                         issuer.where.substr(0, issuer.where.find('?')) +  // as logs show it
                         ", and nothing is fetched; save them, and write --keys " + issuer.rules.name + "=FILE");
    } else if (outcome.ok() && issuer.keys == nullptr) {
      outcome = load_issuer_keys(issuer.where, &issuer, remarks);
    }
  }
  return outcome;
}

// A rule as a line of the block would say it.
Outcome set_rule(const char *option, std::string_view directive, const std::vector<std::string> &values,
                 jwt::Issuer *rules) {
  Words words = {directive};
  words.insert(words.end(), values.begin(), values.end());
  const IssuerRule *rule = find_issuer_rule(directive);
  if (words.size() - 1 < rule->least || words.size() - 1 > rule->most) {
    return wrong_usage(std::string(option) + ": has the wrong number of words");
  }
  const Wrong wrong = rule->set(words, rules);
  return wrong ? wrong_usage(std::string(option) + ": " + *wrong) : done();
}

// 'CLAIM VALUE...', as in the block.
std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    if (!word.empty()) {
      words.emplace_back(word);
    }
    text.remove_prefix(std::min(word.size() + 1, text.size()));
  }
  return words;
}

// Which of the three options names the keys.
Outcome choose_source(const TokenRuleOptions &options, const Text **source, KeysFrom *from) {
  for (const auto &[text, kind] : {std::pair<const Text *, KeysFrom>{&options.jwks, KeysFrom::jwks_file},
                                   {&options.public_key, KeysFrom::public_key},
                                   {&options.secret, KeysFrom::secret_file}}) {
    if (text->given && *source != nullptr) {
      return wrong_usage("give one of --jwks, --public-key and --secret");
    }
    *source = text->given ? text : *source;
    *from = text->given ? kind : *from;
  }
  return *source != nullptr ? done() : wrong_usage("give one of --jwks, --public-key and --secret");
}

Outcome from_options(const TokenRuleOptions &options, std::vector<ConfiguredIssuer> *issuers,
                     std::vector<std::string> *remarks) {
  if (options.accept.given || options.keys.given) {
    return wrong_usage("--accept and --keys are for --conf");
  }
  ConfiguredIssuer issuer;
  const Text *source = nullptr;
  auto outcome = choose_source(options, &source, &issuer.from);
  if (source == nullptr) {
    return outcome;
  }
  if (outcome.ok() && options.name.given) {
    outcome = check_issuer_name("--name", options.name.value);
  }
  jwt::Issuer &rules = issuer.rules;
  rules.name = options.name.value;
  const auto one = [&](const char *option, const char *directive, const Text &text) {
    outcome = outcome.ok() && text.given ? set_rule(option, directive, {text.value}, &rules) : outcome;
  };
  const auto list = [&](const char *option, const char *directive, const TextList &text) {
    outcome = outcome.ok() && text.given ? set_rule(option, directive, text.values, &rules) : outcome;
  };
  one("--type", "type", options.type);
  one("--leeway", "leeway", options.leeway);
  one("--max-lifetime", "max_lifetime", options.max_lifetime);
  list("--issuer", "issuer", options.issuer);
  list("--audience", "audience", options.audience);
  list("--algorithm", "algorithms", options.algorithms);
  list("--scope-claim", "scope_claim", options.scope_claim);
  for (const auto &requirement : options.require.values) {
    outcome = outcome.ok() ? set_rule("--require", "require", split_words(requirement), &rules) : outcome;
  }
  if (outcome.ok() && options.subject.given) {
    outcome = set_rule("--subject", "subject", split_words(options.subject.value), &rules);
  }
  rules.require_expiry = !options.no_expiry;
  if (outcome.ok() && options.secret_form.given &&
      (issuer.from != KeysFrom::secret_file ||
       !jwt::parse_secret_kind(options.secret_form.value, &issuer.secret_kind))) {
    outcome = wrong_usage("--secret-form is base64url or hex, beside --secret");
  }
  outcome = outcome.ok() ? load_issuer_keys(source->value, &issuer, remarks) : outcome;
  issuers->push_back(std::move(issuer));
  return outcome;
}

}  // namespace

Outcome read_token_rules(const TokenRuleOptions &options, TokenRules *rules, std::vector<std::string> *remarks) {
  const bool has_keys = options.jwks.given || options.public_key.given || options.secret.given;
  if (options.conf.given == has_keys) {
    return wrong_usage(
        "give rules: --conf with what `nginx -T` prints, or keys with one of --jwks, --public-key and --secret");
  }
  if (!options.conf.given) {
    auto outcome = from_options(options, &rules->accepted, remarks);
    rules->all = rules->accepted;
    return outcome;
  }
  const bool rule = options.secret_form.given || options.issuer.given || options.type.given || options.leeway.given ||
                    options.max_lifetime.given || options.audience.given || options.algorithms.given ||
                    options.scope_claim.given || options.require.given || options.subject.given || options.name.given ||
                    options.no_expiry;
  return rule ? wrong_usage("with --conf all rules come from the configuration; leave out the options that set one")
              : from_configuration(options, rules, remarks);
}

}  // namespace keyward::cli
