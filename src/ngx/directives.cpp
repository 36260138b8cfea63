// keyward's directives: each setter reads one, checks it, and says what to write instead.
#include <algorithm>

#include "answer/challenge.hpp"
#include "auth/cookie_text.hpp"
#include "auth/scope.hpp"
#include "base/time_text.hpp"
#include "ngx/directive.hpp"

namespace keyward {
namespace {

Wrong set_keyward(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf) {
  if (conf->enforcement) {
    return "is duplicate";
  }
  Enforcement enforcement;
  enforcement.written = true;
  if (words[1] == "on") {
    enforcement.mode = Mode::on;
  } else if (words[1] == "shadow") {
    enforcement.mode = Mode::shadow;
  } else if (words[1] != "off") {
    return "invalid value " + quoted(words[1]) + "; it must be \"on\", \"off\" or \"shadow\"";
  }
  if (words.size() == 3) {
    const auto until = option(words[2], "until");
    if (!until) {
      return "invalid parameter " + quoted(words[2]) + "; only until=DATE may follow";
    }
    if (enforcement.mode != Mode::shadow) {
      return "\"until=\" is for \"shadow\" only";
    }
    if (!parse_time(*until, &enforcement.until_s) || enforcement.until_s <= 0) {
      return quoted(*until) + " is not a date; write until=2026-12-31 or until=2026-12-31T18:00:00Z";
    }
    if (enforcement.until_s <= ngx_time()) {
      ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                         "\"keyward shadow until=%s\" is over, so that keyward is on; write \"keyward on;\"",
                         std::string(*until).c_str());
    }
  }
  conf->enforcement = enforcement;
  conf->enforcement_place = place_of(cf);
  return kGood;
}

// Fields that say how the request is to be read, or that hold for one connection only: one of these can't be removed with the
// credential, nor be told from what it usually is. In lower case.
constexpr std::string_view kNoCredentialFields[] = {
    "connection",        "content-encoding", "content-length",      "content-type",     "expect", "host",
    "http2-settings",    "keep-alive",       "proxy-authorization", "proxy-connection", "te",     "trailer",
    "transfer-encoding", "upgrade",          "x-forwarded-for",
};

Wrong check_header_source(std::string_view name) {
  if (name.empty() || name == "authorization") {
    return "\"header=\" needs a name other than Authorization; for that write \"bearer\"";
  }
  if (name == "sec-websocket-protocol") {
    return "\"header=\" needs a name other than Sec-WebSocket-Protocol; for that write \"websocket\"";
  }
  if (name == "cookie") {
    return "\"header=\" needs a name other than Cookie, which holds more than one value; for one of them write "
           "cookie=NAME";
  }
  if (std::find(std::begin(kNoCredentialFields), std::end(kNoCredentialFields), name) !=
      std::end(kNoCredentialFields)) {
    return quoted(name) +
           " belongs to HTTP itself and can't hold a credential; write a field of your own, such as header=X-API-Key";
  }
  return kGood;
}

Wrong set_credential(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf) {
  if (conf->sources) {
    return "is duplicate; name all sources in one";
  }
  conf->sources_place = place_of(cf);
  std::vector<Source> sources;
  std::optional<bool> csrf;
  for (std::size_t i = 1; i < words.size(); ++i) {
    Source source;
    if (words[i] == "bearer") {
      source = {SourceKind::bearer, "authorization"};
    } else if (const auto name = option(words[i], "header")) {
      source.kind = SourceKind::header;
      for (const char c : *name) {
        const bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alnum && c != '-') {
          return quoted(*name) + " is not a header's name; write letters, digits and hyphens, such as header=X-API-Key";
        }
        source.name += static_cast<char>(ngx_tolower(c));
      }
      if (Wrong wrong = check_header_source(source.name)) {
        return wrong;
      }
    } else if (words[i] == "websocket") {
      source = {SourceKind::websocket, "sec-websocket-protocol"};
    } else if (const auto cookie = option(words[i], "cookie")) {
      if (!is_cookie_name(*cookie)) {
        return quoted(words[i]) + " names no cookie; write its name, such as cookie=session";
      }
      source = {SourceKind::cookie, std::string(*cookie)};
    } else if (const auto check = option(words[i], "csrf")) {
      if (csrf) {
        return "\"csrf=\" is there twice";
      }
      csrf.emplace();
      if (Wrong wrong = parse_on_off(*check, &*csrf)) {
        return wrong;
      }
      continue;
    } else if (const auto argument = option(words[i], "query")) {
      // Cut out at post-read, before a location is known.
      if ((cf->cmd_type & (NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF)) == 0) {
        return "\"query=\" is for http and server only";
      }
      if (argument->empty() || !is_id(*argument) || argument->find_first_of("&=#%+?") != std::string_view::npos) {
        return quoted(words[i]) + " names no argument; write letters and digits, such as query=api_key";
      }
      source = {SourceKind::query, std::string(*argument)};
    } else {
      return "unknown source " + quoted(words[i]) +
             "; it must be \"bearer\", header=NAME, cookie=NAME, query=NAME or \"websocket\"";
    }
    const auto same_kind = [&](const Source &other) { return other.kind == source.kind && !source.is_field(); };
    if (std::any_of(sources.begin(), sources.end(), same_kind)) {
      return source.kind == SourceKind::query ? "names more than one argument of the query"
                                              : "names more than one cookie";
    }
    if (std::find(sources.begin(), sources.end(), source) != sources.end()) {
      return quoted(words[i]) + " is there twice";
    }
    if (sources.size() == kMaxSources) {
      return "names too many sources; " + std::to_string(kMaxSources) + " are the most";
    }
    sources.push_back(std::move(source));
  }
  const auto cookie = std::find_if(sources.begin(), sources.end(),
                                   [](const Source &source) { return source.kind == SourceKind::cookie; });
  if (csrf && cookie == sources.end()) {
    return "\"csrf=\" is about a cookie; name it, such as cookie=session";
  }
  if (sources.empty()) {
    return "names no source";
  }
  if (cookie != sources.end()) {
    cookie->cross_site = !csrf.value_or(true);
  }
  conf->sources = std::move(sources);
  return kGood;
}

Wrong set_accept(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf) {
  AcceptRule rule;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (const auto methods = option(words[i], "methods"); methods && i == 1) {
      if (Wrong wrong = parse_methods(*methods, &rule.methods)) {
        return wrong;
      }
    } else if (words[i] == "key") {
      rule.key = true;
    } else if (words[i] == "anonymous") {
      rule.anonymous = true;
    } else if (words[i] == "preflight") {
      rule.preflight = true;
    } else if (words[i] == "unprovisioned") {
      rule.unprovisioned = true;
    } else if (words[i] == "pending") {
      return "\"pending\" is for locations with keyward_api only";
    } else if (words[i].find('=') != std::string_view::npos) {
      return "unknown parameter " + quoted(words[i]) + "; only methods=M,... may come first";
    } else {
      // Whether there is such an issuer is seen once all are read.
      rule.issuers.emplace_back(words[i]);
    }
  }
  if (rule.unprovisioned && rule.issuers.empty()) {
    return "\"unprovisioned\" is about tokens; write issuers with it, or \"keyward_accept token unprovisioned;\"";
  }
  if (!rule.key && rule.issuers.empty() && !rule.anonymous && !rule.preflight) {
    return "names nothing to accept; write \"keyward_accept key;\"";
  }
  for (const std::string &name : rule.issuers) {
    // "key token" is the default, and does no harm without issuers; "token" alone would accept nothing.
    if (name != "token" || !(rule.key || rule.anonymous || rule.preflight)) {
      main_configuration(cf)->issuers_named.emplace_back(name, place_of(cf));
    }
  }
  if (!conf->accept) {
    conf->accept.emplace();
  }
  conf->accept->push_back(std::move(rule));
  return kGood;
}

constexpr std::pair<std::string_view, ErrorField> kErrorFields[] = {
    {"error", ErrorField::error},
    {"code", ErrorField::code},
    {"reason", ErrorField::reason},
    {"status", ErrorField::status},
    {"required_scope", ErrorField::required_scope},
    {"retry_after", ErrorField::retry_after},
};

Wrong set_errors(ngx_conf_t *, const Words &words, LocationConfiguration *conf) {
  if (conf->errors) {
    return "is duplicate";
  }
  ErrorStyle style;
  if (words[1] == "auto") {
    style.format = ErrorFormat::automatic;
  } else if (words[1] == "json") {
    style.format = ErrorFormat::json;
  } else if (words[1] == "problem") {
    style.format = ErrorFormat::problem;
  } else if (words[1] == "off") {
    style.format = ErrorFormat::off;
  } else {
    return "invalid value " + quoted(words[1]) + "; it must be \"auto\", \"json\", \"problem\" or \"off\"";
  }
  for (std::size_t i = 2; i < words.size(); ++i) {
    const auto fields = option(words[i], "fields");
    if (!fields || !style.fields.empty()) {
      return "invalid parameter " + quoted(words[i]) + "; only one fields=NAME[:AS],... may follow";
    }
    for (const std::string_view field : split_list(*fields, ',')) {
      const std::size_t colon = field.find(':');
      const std::string_view name = field.substr(0, colon);
      const std::string_view as = colon == std::string_view::npos ? name : field.substr(colon + 1);
      const auto *known = std::find_if(std::begin(kErrorFields), std::end(kErrorFields),
                                       [&](const auto &f) { return f.first == name; });
      if (known == std::end(kErrorFields)) {
        return "unknown field " + quoted(name) +
               "; it must be error, code, reason, status, required_scope or retry_after";
      }
      if (!is_id(as)) {
        return "bad member name in " + quoted(field) + "; write fields=error:message";
      }
      style.fields.emplace_back(known->second, as);
    }
    if (style.fields.empty()) {
      return "\"fields=\" names no field; write fields=error,code";
    }
  }
  conf->errors = std::move(style);
  return kGood;
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

Wrong set_message(ngx_conf_t *cf, const Words &all_words, LocationConfiguration *conf) {
  Words words(all_words.begin() + 1, all_words.end());
  MessageRule rule;
  while (words.size() > 2) {
    if (const auto status = option(words.back(), "status")) {
      if (rule.status) {
        return "has \"status=\" twice";
      }
      const ngx_int_t value = ngx_atoi(borrow(*status).data, status->size());
      // nginx closes the connection on 408 and 444, and keeps 494 to 499 for itself: none is an answer.
      if (value < 400 || value > 599 || value == 408 || value == 444 || (value >= 494 && value <= 499)) {
        return "invalid value " + quoted(words.back()) +
               "; status= is an error's status from 400 to 599, but not one of nginx's own";
      }
      rule.status = static_cast<std::uint16_t>(value);
    } else if (const auto code = option(words.back(), "code")) {
      if (rule.code) {
        return "has \"code=\" twice";
      }
      if (!is_id(*code)) {
        return "invalid value " + quoted(words.back()) + "; code= is a word such as code=invalid_key";
      }
      rule.code = std::string(*code);
    } else {
      break;
    }
    words.pop_back();
  }
  if (words.size() < 2) {
    return "needs a reason or a code, and a text: keyward_message invalid_key \"no such key\";";
  }
  rule.text = words.back();
  words.pop_back();
  const auto meant = meant_parameter(rule.text, {"status", "code"});
  if (meant && rule.text.find(' ') == std::string::npos) {
    return quoted(rule.text) + " is no text, it looks like a parameter; write the text before it: keyward_message " +
           "invalid_key \"no such key\" " + *meant + ";";
  }
  for (auto word = words.begin(); word != words.end(); ++word) {
    const std::string_view name = *word;
    if (std::find(words.begin(), word, name) != word) {
      return quoted(name) + " is there twice";
    }
    // A word may be both (insufficient_credits is no code, but not_found is both): then the reason is meant.
    if (const auto reason = reason_by_name(name); reason && *reason != Reason::none) {
      rule.reasons.push_back(*reason);
    } else if (is_reason_code(name)) {
      rule.codes.emplace_back(name);
    } else {
      return "unknown reason or code " + quoted(name) +
             "; docs/directives.md lists them, for example invalid_key or unauthorized";
    }
  }
  Challenge challenge;
  challenge.description = rule.text;
  if (!fits_challenge(challenge) && is_told_in_challenge(rule)) {
    ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                       "the text of \"keyward_message\" is too long for WWW-Authenticate, which has at most %uz bytes: "
                       "it is left out there; write a shorter one",
                       kMaxChallengeFieldBytes);
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
    ngx_conf_log_error(
        NGX_LOG_WARN, cf, 0,
        "the text of \"keyward_realm\" is too long for WWW-Authenticate, which has at most %uz bytes: it "
        "is left out there; write a shorter one",
        kMaxChallengeFieldBytes);
  }
  conf->realm = std::string(words[1]);
  return kGood;
}

Wrong set_forward_credential(ngx_conf_t *, const Words &words, LocationConfiguration *conf) {
  if (conf->forward_credential) {
    return "is duplicate";
  }
  conf->forward_credential.emplace();
  return parse_on_off(words[1], &*conf->forward_credential);
}

constexpr ngx_uint_t kEverywhere =
    NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_HTTP_LIF_CONF | NGX_HTTP_LMT_CONF;

}  // namespace

#define KEYWARD_LOCATION(name, arguments, setter)                                                                    \
  {                                                                                                                  \
    ngx_string(name), kEverywhere | (arguments), directive<LocationConfiguration, setter>, NGX_HTTP_LOC_CONF_OFFSET, \
        0, nullptr                                                                                                   \
  }
#define KEYWARD_MAIN(name, arguments, setter)                                                 \
  {                                                                                           \
    ngx_string(name), NGX_HTTP_MAIN_CONF | (arguments), directive<MainConfiguration, setter>, \
        NGX_HTTP_MAIN_CONF_OFFSET, 0, nullptr                                                 \
  }

ngx_command_t directives[] = {
    KEYWARD_LOCATION("keyward", NGX_CONF_TAKE12, set_keyward),
    KEYWARD_LOCATION("keyward_credential", NGX_CONF_1MORE, set_credential),
    KEYWARD_LOCATION("keyward_accept", NGX_CONF_1MORE, set_accept),
    KEYWARD_LOCATION("keyward_scope", NGX_CONF_1MORE, set_scope),
    KEYWARD_LOCATION("keyward_limit", NGX_CONF_1MORE, set_limit),
    KEYWARD_LOCATION("keyward_limit_headers", NGX_CONF_TAKE12, set_limit_headers),
    KEYWARD_LOCATION("keyward_errors", NGX_CONF_1MORE, set_errors),
    KEYWARD_LOCATION("keyward_message", NGX_CONF_2MORE, set_message),
    KEYWARD_LOCATION("keyward_realm", NGX_CONF_TAKE1, set_realm),
    KEYWARD_LOCATION("keyward_forward_credential", NGX_CONF_TAKE1, set_forward_credential),
    {ngx_string("keyward_identity"), NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_CONF_TAKE1,
     directive<ServerConfiguration, set_identity>, NGX_HTTP_SRV_CONF_OFFSET, 0, nullptr},
    {ngx_string("keyward_upgrade"), NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_CONF_1MORE,
     directive<ServerConfiguration, set_upgrade>, NGX_HTTP_SRV_CONF_OFFSET, 0, nullptr},
    KEYWARD_MAIN("keyward_store", NGX_CONF_TAKE12, set_store),
    KEYWARD_MAIN("keyward_zone", NGX_CONF_TAKE1, set_zone),
    KEYWARD_MAIN("keyward_key_format", NGX_CONF_2MORE, set_key_format),
    KEYWARD_MAIN("keyward_plan", NGX_CONF_1MORE, set_plan),
    KEYWARD_MAIN("keyward_scope_implies", NGX_CONF_2MORE, set_scope_implies),
    KEYWARD_MAIN("keyward_bcrypt_concurrency", NGX_CONF_TAKE1, set_bcrypt_concurrency),
    {ngx_string("keyward_issuer"), NGX_HTTP_MAIN_CONF | NGX_CONF_BLOCK | NGX_CONF_TAKE1, set_issuer,
     NGX_HTTP_MAIN_CONF_OFFSET, 0, nullptr},
    {ngx_null_string, 0, nullptr, 0, 0, nullptr},
};

}  // namespace keyward
