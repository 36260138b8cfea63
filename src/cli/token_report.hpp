// The answer of keyward token inspect.
#pragma once

#include <string>
#include <vector>

#include "cli/context.hpp"
#include "cli/token_store.hpp"
#include "json/json.hpp"
#include "jwt/verify.hpp"

namespace keyward::cli {

struct TokenReport {
  bool accepted = false;
  std::string reason, cause;
  std::string issuer;
  bool verified = false;  // its key has signed what is shown
  json::Value header, claims;
  bool has_header = false, has_claims = false;
  jwt::Times times;
  jwt::Identity identity;
  std::string grants;
  InStore store;
  std::vector<std::string> remarks;
};

// As JSON where the context says so, else for people.
void print(Context &context, const TokenReport &report);

}  // namespace keyward::cli
