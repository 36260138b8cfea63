// What a refusal says: keyward_errors, keyward_message, keyward_realm.
#include "answer/challenge.hpp"
#include "auth/scope.hpp"
#include "ngx/configuration/directive.hpp"

namespace keyward {
namespace {

constexpr Choice<ErrorFormat> kFormats[] = {
    {"auto", ErrorFormat::automatic},
    {"json", ErrorFormat::json},
    {"problem", ErrorFormat::problem},
    {"off", ErrorFormat::off},
};

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
  for (const std::string_view field : split_list(list, ',')) {
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

constexpr Parameter<MessageRule> kMessageParameters[] = {{"status", set_message_status}, {"code", set_message_code}};

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

Wrong set_errors(ngx_conf_t *, const Words &words, LocationConfiguration *conf) {
  if (conf->errors) {
    return "is duplicate";
  }
  ErrorStyle style;
  const ErrorFormat *format = choose(kFormats, words[1]);
  if (format == nullptr) {
    return "invalid value " + quoted(words[1]) + "; it must be \"auto\", \"json\", \"problem\" or \"off\"";
  }
  style.written = true;
  style.format = *format;
  for (std::size_t i = 2; i < words.size(); ++i) {
    const auto fields = option(words[i], "fields");
    if (!fields || !style.fields.empty()) {
      return "invalid parameter " + quoted(words[i]) + "; only one fields=NAME[:AS],... may follow";
    }
    if (Wrong wrong = parse_fields(*fields, &style)) {
      return wrong;
    }
  }
  conf->errors = std::move(style);
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
