// The directives of keyward_issuer that say what a token must be, and who it is about.
#include "auth/issuer_rules.hpp"

#include <algorithm>
#include <set>

#include "auth/scope.hpp"
#include "base/ascii.hpp"
#include "base/nginx_text.hpp"
#include "base/text_rules.hpp"
#include "jwt/claim_path.hpp"

namespace keyward {

Wrong parse_seconds(std::string_view word, std::int64_t least, std::int64_t *seconds) {
  if (!parse_nginx_time(word, seconds) || *seconds < least) {
    return "invalid time " + quoted(word) + "; write a number with s, m, h or d, such as 15m" +
           (least > 0 ? ", at least " + std::to_string(least) + 's' : std::string());
  }
  return kGood;
}

namespace {

constexpr std::size_t kMaxIssuerNameBytes = 64;
constexpr std::string_view kAcceptWords[] = {"key", "token", "anonymous", "unprovisioned", "pending", "preflight"};

constexpr std::int64_t kMaxLeewayS = 24 * 3600;

// --- what a token must say -------------------------------------------------------------------------------------

Wrong set_issuer_claim(const Words &words, jwt::Issuer *rules) {
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i].empty()) {
      return "is empty; write what \"iss\" has to be, or leave it out";
    }
    rules->issuers.emplace_back(words[i]);
  }
  return kGood;
}

Wrong set_audience(const Words &words, jwt::Issuer *rules) {
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i].empty()) {
      return "names an empty audience";
    }
    rules->audiences.emplace_back(words[i]);
  }
  return kGood;
}

Wrong set_algorithms(const Words &words, jwt::Issuer *rules) {
  crypto::AlgorithmSet algorithms;
  for (std::size_t i = 1; i < words.size(); ++i) {
    crypto::Algorithm algorithm;
    if (!crypto::parse_algorithm(words[i], &algorithm)) {
      return "unknown algorithm " + quoted(words[i]) +
             "; it must be EdDSA, ES256, ES384, ES512, RS256, RS384, RS512, PS256, PS384, PS512, or with secret_file " +
             "HS256, HS384, HS512";
    }
    algorithms.add(algorithm);
  }
  rules->algorithms = algorithms;
  return kGood;
}

bool is_media_word(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c > 0x20 && c < 0x7f && std::string_view("()<>@,;:\\\"/[]?=").find(c) == std::string_view::npos;
  });
}

Wrong set_type(const Words &words, jwt::Issuer *rules) {
  if (words[1].empty()) {
    return "is empty; write what \"typ\" has to be, such as at+jwt, or leave it out";
  }
  // RFC 2045, section 5.1: a media type's parts are tokens; what no "typ" can be would refuse every token, or none.
  const std::size_t slash = words[1].find('/');
  const std::string_view kind = words[1].substr(0, slash == std::string_view::npos ? 0 : slash);
  const std::string_view rest = words[1].substr(slash == std::string_view::npos ? 0 : slash + 1);
  if ((slash != std::string_view::npos && !is_media_word(kind)) || !is_media_word(rest)) {
    return quoted(words[1]) + " is no media type; write one such as at+jwt or application/at+jwt";
  }
  rules->type = words[1];
  return kGood;
}

}  // namespace

Wrong check_claim(std::string_view name) {
  if (jwt::ClaimPath::is_pointer(name)) {
    // RFC 6901 has empty names, too; nobody has a claim that is called so, and many write a slash at the end.
    if (name.back() == '/' || name.find("//") != std::string_view::npos) {
      return quoted(name) +
             " has an empty name in it; write a JSON Pointer such as /realm_access/roles, and a slash in a name as ~1";
    }
    return jwt::ClaimPath::is_good_pointer(name)
               ? kGood
               : Wrong(quoted(name) +
                       " is no JSON Pointer; in one that begins with \"/\" write \"~\" as ~0 and a "
                       "slash in a name as ~1");
  }
  const bool is_url = name.find("://") != std::string_view::npos;
  const bool gap =
      name.empty() || name.front() == '.' || name.back() == '.' || name.find("..") != std::string_view::npos;
  if (name.empty() || (!is_url && gap)) {
    return quoted(name) +
           " is no claim; write a name such as role, or a path into objects such as realm_access.roles or, as a JSON "
           "Pointer, /realm_access/roles";
  }
  return kGood;
}

namespace {

Wrong set_require(const Words &words, jwt::Issuer *rules) {
  if (Wrong wrong = check_claim(words[1])) {
    return wrong;
  }
  jwt::Requirement requirement;
  requirement.claim = jwt::ClaimPath(words[1]);
  requirement.values.assign(words.begin() + 2, words.end());
  rules->require.push_back(std::move(requirement));
  return kGood;
}

Wrong set_leeway(const Words &words, jwt::Issuer *rules) {
  if (Wrong wrong = parse_seconds(words[1], 0, &rules->leeway_s)) {
    return wrong;
  }
  return rules->leeway_s <= kMaxLeewayS
             ? kGood
             : Wrong("invalid value " + quoted(words[1]) + "; a day is the most that clocks may differ");
}

Wrong set_max_lifetime(const Words &words, jwt::Issuer *rules) {
  return parse_seconds(words[1], 1, &rules->max_lifetime_s);
}

Wrong set_require_exp(const Words &words, jwt::Issuer *rules) { return parse_on_off(words[1], &rules->require_expiry); }

// --- who it is -------------------------------------------------------------------------------------------------

Wrong set_scope_claim(const Words &words, jwt::Issuer *rules) {
  std::vector<jwt::ClaimPath> claims;
  const bool all = words[1] == "all";
  if (all && words.size() == 2) {
    return "has only \"all\"; write the claims behind it, such as \"scope_claim all scp roles;\", or, where a claim "
           "is called all, /all";
  }
  for (std::size_t i = all ? 2 : 1; i < words.size(); ++i) {
    if (Wrong wrong = check_claim(words[i])) {
      return wrong;
    }
    claims.emplace_back(words[i]);
  }
  rules->scope_claims = std::move(claims);
  rules->scope_claims_named = true;
  rules->every_scope_claim = all;
  return kGood;
}

Wrong set_scope_wildcards(const Words &words, jwt::Issuer *rules) {
  return parse_on_off(words[1], &rules->scope_wildcards);
}

Wrong set_grant(const Words &words, jwt::Issuer *rules) {
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (meant_parameter(words[i], {"scope", "scopes", "grant"})) {
      return quoted(words[i]) + " looks like a parameter, and there are none; write scopes alone, such as " +
             "\"grant posts:read;\"";
    }
    if (!is_grant(words[i]) || words[i].find(',') != std::string_view::npos) {
      return quoted(words[i]) +
             " is not a scope; write names one after the other, such as \"grant posts:read posts:write;\", a "
             "wildcard " +
             "such as posts:*, or *";
    }
    rules->grant.emplace_back(words[i]);
  }
  return kGood;
}

Wrong set_issuer_plan(const Words &words, jwt::Issuer *rules) {
  if (!is_plan_name(words[1])) {
    return "bad name " + quoted(words[1]) + "; write a plan's name";
  }
  rules->plan = words[1];
  return kGood;
}

Wrong set_plan_claim(const Words &words, jwt::Issuer *rules) {
  if (Wrong wrong = check_claim(words[1])) {
    return wrong;
  }
  rules->plan_claim = jwt::ClaimPath(words[1]);
  return kGood;
}

Wrong set_subject(const Words &words, jwt::Issuer *rules) {
  std::set<std::string_view> seen;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (!seen.insert(word.substr(0, word.find('='))).second) {
      return quoted(word) + " is there twice";
    }
    if (const auto claim = option(word, "claim")) {
      if (Wrong wrong = check_claim(*claim)) {
        return wrong;
      }
      rules->subject_claim = jwt::ClaimPath(*claim);
    } else if (const auto prefix = option(word, "prefix")) {
      if (!is_subject(*prefix)) {
        return "bad prefix in " + quoted(word) +
               "; write printable text without blanks at its ends, such as prefix=auth:";
      }
      rules->subject_prefix = *prefix;
    } else if (word == "required") {
      rules->subject_required = true;
    } else if (word == "shared") {
      rules->subject_shared = true;
    } else if (word == "integer") {
      rules->subject_may_be_number = true;
    } else {
      return "unknown parameter " + quoted(word) +
             "; it may be claim=NAME, prefix=TEXT, \"required\", \"shared\" or \"integer\"";
    }
  }
  return kGood;
}

// --- all of them -----------------------------------------------------------------------------------------------

constexpr std::size_t kAny = 64;
constexpr IssuerRule kRules[] = {
    {"issuer", 1, kAny, false, set_issuer_claim},
    {"audience", 1, kAny, false, set_audience},
    {"algorithms", 1, kAny, false, set_algorithms},
    {"type", 1, 1, false, set_type},
    {"require", 2, kAny, true, set_require},
    {"leeway", 1, 1, false, set_leeway},
    {"max_lifetime", 1, 1, false, set_max_lifetime},
    {"require_exp", 1, 1, false, set_require_exp},
    {"scope_claim", 1, kAny, false, set_scope_claim},
    {"scope_wildcards", 1, 1, false, set_scope_wildcards},
    {"grant", 1, kAny, false, set_grant},
    {"plan", 1, 1, false, set_issuer_plan},
    {"plan_claim", 1, 1, false, set_plan_claim},
    {"subject", 1, 5, false, set_subject},
};

}  // namespace

bool is_issuer_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= kMaxIssuerNameBytes && std::all_of(name.begin(), name.end(), [](char c) {
    return is_alphanumeric(c) || c == '-' || c == '_' || c == '.';
  });
}

bool is_accept_word(std::string_view name) noexcept {
  return std::find(std::begin(kAcceptWords), std::end(kAcceptWords), name) != std::end(kAcceptWords);
}

const IssuerRule *find_issuer_rule(std::string_view name) noexcept {
  const auto *known =
      std::find_if(std::begin(kRules), std::end(kRules), [name](const IssuerRule &one) { return one.name == name; });
  return known != std::end(kRules) ? known : nullptr;
}

std::string issuer_rule_names() {
  std::string names;
  for (const IssuerRule &rule : kRules) {
    names += (names.empty() ? "" : ", ") + std::string(rule.name);
  }
  return names;
}

}  // namespace keyward
