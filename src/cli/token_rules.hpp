// By whom a token is judged: the issuers of a configuration, or one made of the command's options.
#pragma once

#include <string>
#include <vector>

#include "auth/principal.hpp"
#include "cli/command_line.hpp"
#include "cli/issuer_config.hpp"
#include "decide/credential.hpp"

namespace keyward::cli {

struct TokenRuleOptions {
  Text conf, jwks, public_key, secret, secret_form, name, type, leeway, max_lifetime, subject;
  TextList accept, keys, issuer, audience, algorithms, require, scope_claim;
  bool no_expiry = false;
};

struct TokenRules {
  std::vector<ConfiguredIssuer> all;       // of the configuration, as it has them
  std::vector<ConfiguredIssuer> accepted;  // those that judge, in their order
  bool has_configuration = false;
  std::size_t max_credential = kMaxCredentialBytes;  // the most that any place of it takes
  Policy policy;                                     // the configuration's plans and implied scopes
};

// What is worth knowing about keys that are missing or left out goes into remarks.
Outcome read_token_rules(const TokenRuleOptions &options, TokenRules *rules, std::vector<std::string> *remarks);

}  // namespace keyward::cli
