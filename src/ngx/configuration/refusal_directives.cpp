// What a refusal says: keyward_errors, keyward_message, keyward_realm.
#include <limits>

#include "answer/challenge.hpp"
#include "auth/scope.hpp"
#include "ngx/configuration/directive.hpp"

namespace keyward {
namespace {

constexpr Choice<ErrorField> kFields[] = {
    {"error", ErrorField::error},
    {"code", ErrorField::code},
    {"reason", ErrorField::reason},
    {"status", ErrorField::status},
    {"required_scope", ErrorField::required_scope},
    {"retry_after", ErrorField::retry_after},
};

// fields=NAME[:AS],...
Wrong parse_fields(std::string_view list, ErrorStyle *style) {
  std::vector<std::string_view> fields;
  if (Wrong wrong = split_elements(list, &fields)) {
    return wrong;
  }
  for (const std::string_view field : fields) {
    const std::size_t colon = field.find(':');
    const std::string_view name = field.substr(0, colon);
    const std::string_view as = colon == std::string_view::npos ? name : field.substr(colon + 1);
    const ErrorField *known = choose(kFields, name);
    if (known == nullptr) {
      return "unknown field " + quoted(name) +
             "; it must be error, code, reason, status, required_scope or retry_after";
    }
    if (!is_id(as)) {
      return "bad member name in " + quoted(field) + "; write fields=error:message";
    }
    style->fields.emplace_back(*known, as);
  }
  return style->fields.empty() ? Wrong("\"fields=\" names no field; write fields=error,code") : kGood;
}

bool may_be_json(const ErrorRule &rule) noexcept {
  return rule.variable != nullptr || rule.format == ErrorFormat::automatic || rule.format == ErrorFormat::json;
}

bool may_be_json_rpc(const ErrorRule &rule) noexcept {
  return rule.variable != nullptr || rule.format == ErrorFormat::automatic || rule.format == ErrorFormat::jsonrpc ||
         rule.format == ErrorFormat::mcp;
}

Wrong set_error_fields(const Given &given, ErrorRule *rule) {
  if (!rule->fields.empty()) {
    return "has \"fields=\" twice";
  }
  if (!may_be_json(*rule)) {
    return quoted(given.word) + " is for json bodies; write it with \"json\", \"auto\" or a variable";
  }
  return parse_fields(given.value, rule);
}

Wrong set_error_id(const Given &given, ErrorRule *rule) {
  if (rule->null_id) {
    return "has \"id=\" twice";
  }
  if (given.value != "null") {
    return "invalid value " + quoted(given.word) + "; only id=null can be written";
  }
  if (!may_be_json_rpc(*rule)) {
    return "\"id=null\" is for JSON-RPC; write it with \"jsonrpc\", \"mcp\", \"auto\" or a variable";
  }
  rule->null_id = true;
  return kGood;
}

constexpr Parameter<ErrorRule> kErrorParameters[] = {{"fields", set_error_fields}, {"id", set_error_id}};

// Whether a refusal that it changes says its message in a challenge, too.
bool is_told_in_challenge(const MessageRule &rule) noexcept {
  for (std::size_t i = 1; i < kReasonCount; ++i) {
    const auto reason = static_cast<Reason>(i);
    const bool meant = std::find(rule.reasons.begin(), rule.reasons.end(), reason) != rule.reasons.end() ||
                       std::find(rule.codes.begin(), rule.codes.end(), info(reason).code) != rule.codes.end();
    if (meant && !info(reason).bearer_error.empty()) {
      return true;
    }
  }
  return false;
}

Wrong set_message_status(const Given &given, MessageRule *rule) {
  if (rule->status) {
    return "has \"status=\" twice";
  }
  const ngx_int_t value = ngx_atoi(borrow(given.value).data, given.value.size());
  // nginx closes the connection on 408 and 444, and keeps 494 to 499 for itself: none is an answer.
  if (value < 400 || value > 599 || value == 408 || value == 444 || (value >= 494 && value <= 499)) {
    return "invalid value " + quoted(given.word) +
           "; status= is an error's status from 400 to 599, but not one of nginx's own";
  }
  rule->status = static_cast<std::uint16_t>(value);
  return kGood;
}

Wrong set_message_code(const Given &given, MessageRule *rule) {
  if (rule->code) {
    return "has \"code=\" twice";
  }
  if (!is_id(given.value)) {
    return "invalid value " + quoted(given.word) + "; code= is a word such as code=invalid_key";
  }
  rule->code = std::string(given.value);
  return kGood;
}

Wrong set_message_rpc(const Given &given, MessageRule *rule) {
  if (rule->rpc) {
    return "has \"rpc=\" twice";
  }
  const bool is_negative = !given.value.empty() && given.value.front() == '-';
  const std::string_view digits = given.value.substr(is_negative ? 1 : 0);
  const ngx_int_t value = ngx_atoi(borrow(digits).data, digits.size());
  if (value < 0 || value > std::numeric_limits<std::int32_t>::max()) {
    return "invalid value " + quoted(given.word) + "; rpc= is a whole number such as rpc=-32001";
  }
  rule->rpc = static_cast<std::int32_t>(is_negative ? -value : value);
  return kGood;
}

constexpr Parameter<MessageRule> kMessageParameters[] = {
    {"status", set_message_status}, {"code", set_message_code}, {"rpc", set_message_rpc}};

// What a message is for.
Wrong add_refusals(const Words &names, MessageRule *rule) {
  for (auto word = names.begin(); word != names.end(); ++word) {
    if (std::find(names.begin(), word, *word) != word) {
      return quoted(*word) + " is there twice";
    }
    // A word may be both (insufficient_credits is no code, but not_found is both): then the reason is meant.
    if (const auto reason = reason_by_name(*word); reason && *reason != Reason::none) {
      rule->reasons.push_back(*reason);
    } else if (is_reason_code(*word)) {
      rule->codes.emplace_back(*word);
    } else {
      return "unknown reason or code " + quoted(*word) +
             "; docs/directives.md lists them, for example invalid_key or unauthorized";
    }
  }
  return kGood;
}

void warn_of_long_text(ngx_conf_t *cf, const char *directive) {
  ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                     "the text of \"%s\" is too long for WWW-Authenticate, which has at most %uz bytes: it is left "
                     "out there; write a shorter one",
                     directive, kMaxChallengeFieldBytes);
}

}  // namespace

Wrong set_errors(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf) {
  if (conf->errors) {
    return "is duplicate";
  }
  ErrorRule rule;
  rule.written = true;
  if (words[1].find('$') != std::string_view::npos) {
    if (Wrong wrong = compile_value(cf, words[1], &rule.variable)) {
      return wrong;
    }
  } else if (const auto format = format_by_name(words[1])) {
    rule.format = *format;
  } else {
    return "invalid value " + quoted(words[1]) +
           "; it must be \"auto\", \"json\", \"problem\", \"jsonrpc\", \"mcp\", \"grpc\", \"off\" or a variable";
  }
  for (std::size_t i = 2; i < words.size(); ++i) {
    Wrong wrong;
    if (!read_parameter(kErrorParameters, cf, words[i], &rule, &wrong)) {
      return "invalid parameter " + quoted(words[i]) + "; only fields=NAME[:AS],... and id=null may follow";
    }
    if (wrong) {
      return wrong;
    }
  }
  conf->errors = std::move(rule);
  return kGood;
}

Wrong set_message(ngx_conf_t *cf, const Words &all_words, LocationConfiguration *conf) {
  Words words(all_words.begin() + 1, all_words.end());
  MessageRule rule;
  // Parameters stand behind the text.
  for (Wrong wrong; words.size() > 2 && read_parameter(kMessageParameters, cf, words.back(), &rule, &wrong);
       words.pop_back()) {
    if (wrong) {
      return wrong;
    }
  }
  if (words.size() < 2) {
    return "needs a reason or a code, and a text: keyward_message invalid_key \"no such key\";";
  }
  rule.text = words.back();
  words.pop_back();
  const auto meant = meant_parameter(rule.text, names_of(kMessageParameters));
  if (meant && rule.text.find(' ') == std::string::npos) {
    return quoted(rule.text) + " is not a text, it looks like a parameter; write the text before it: keyward_message " +
           "invalid_key \"no such key\" " + *meant + ";";
  }
  if (Wrong wrong = add_refusals(words, &rule)) {
    return wrong;
  }
  Challenge challenge;
  challenge.description = rule.text;
  if (!fits_challenge(challenge) && is_told_in_challenge(rule)) {
    warn_of_long_text(cf, "keyward_message");
  }
  if (!conf->messages) {
    conf->messages.emplace();
  }
  conf->messages->push_back(std::move(rule));
  return kGood;
}

Wrong set_realm(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf) {
  if (conf->realm) {
    return "is duplicate";
  }
  const auto bad = [](char c) { return c < ' ' || c > '~' || c == '"' || c == '\\'; };
  if (words[1].empty() || std::any_of(words[1].begin(), words[1].end(), bad)) {
    return "invalid value " + quoted(words[1]) + "; write printable ASCII without quotes and backslashes";
  }
  if (const auto meant = meant_parameter(words[1], {"realm"})) {
    return quoted(words[1]) + " looks like a parameter; write the realm alone: keyward_realm " +
           meant->substr(meant->find('=') + 1) + ";";
  }
  Challenge challenge;
  challenge.realm = words[1];
  if (!fits_challenge(challenge)) {
    warn_of_long_text(cf, "keyward_realm");
  }
  conf->realm = std::string(words[1]);
  return kGood;
}

}  // namespace keyward
