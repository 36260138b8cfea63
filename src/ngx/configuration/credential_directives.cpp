// Where credentials come from, and which are accepted: keyward_credential, keyward_accept, keyward_forward_credential.
#include "auth/cookie_text.hpp"
#include "auth/credential_text.hpp"
#include "auth/origin.hpp"
#include "auth/policy_rules.hpp"
#include "auth/scope.hpp"
#include "base/ascii.hpp"
#include "ngx/configuration/directive.hpp"
#include "ngx/configuration/reading.hpp"

namespace keyward {
namespace {

// Fields that say how the request is to be read, or that hold for one connection only: one of these can't be removed
// with the credential, nor be told from what it usually is. In lower case.
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

// --- sources ---------------------------------------------------------------------------------------------------

constexpr std::string_view kAuthorization = "authorization", kProtocols = "sec-websocket-protocol";

// Those that may stand alone.
bool read_fixed_source(std::string_view word, Source *source) {
  if (word == "bearer") {
    *source = {SourceKind::bearer, std::string(kAuthorization)};
  } else if (word == "basic") {
    *source = {SourceKind::basic, std::string(kAuthorization)};
  } else if (word == "websocket") {
    *source = {SourceKind::websocket, std::string(kProtocols)};
    source->word = kWebSocketProtocol;
  } else {
    return false;
  }
  return true;
}

// A token (RFC 9110, section 5.6.2), as a scheme and a protocol are.
Wrong set_scheme_source(const Given &given, Source *source) {
  *source = {SourceKind::scheme, std::string(kAuthorization)};
  for (const char c : given.value) {
    source->word += to_lower(c);
  }
  if (!is_cookie_name(given.value)) {
    return quoted(given.word) + " names no scheme; write one word, such as scheme=ApiKey";
  }
  return source->word == "bearer" || source->word == "basic"
             ? Wrong(quoted(given.word) + " is a source of its own; write \"" + source->word + "\"")
             : kGood;
}

Wrong set_basic_source(const Given &given, Source *source) {
  *source = {SourceKind::basic, std::string(kAuthorization)};
  source->by_password = given.value == "password";
  return given.value == "user" || source->by_password
             ? kGood
             : Wrong(quoted(given.word) + " is no half of Basic; write basic=user or basic=password");
}

Wrong set_websocket_source(const Given &given, Source *source) {
  *source = {SourceKind::websocket, std::string(kProtocols)};
  source->word = given.value;
  return is_cookie_name(given.value)
             ? kGood
             : Wrong(quoted(given.word) + " is no protocol; write one word, such as websocket=access_token");
}

Wrong set_header_source(const Given &given, Source *source) {
  source->kind = SourceKind::header;
  for (const char c : given.value) {
    const bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!alnum && c != '-') {
      return quoted(given.value) +
             " is not a header's name; write letters, digits and hyphens, such as header=X-API-Key";
    }
    source->name += static_cast<char>(ngx_tolower(c));
  }
  return check_header_source(source->name);
}

Wrong set_cookie_source(const Given &given, Source *source) {
  if (!is_cookie_name(given.value)) {
    return quoted(given.word) + " names no cookie; write its name, such as cookie=session";
  }
  *source = {SourceKind::cookie, std::string(given.value)};
  return kGood;
}

Wrong set_query_source(const Given &given, Source *source) {
  // Cut out at post-read, before a location is known.
  if ((given.cf->cmd_type & (NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF)) == 0) {
    return "\"query=\" is for http and server only";
  }
  const std::string_view name = given.value;
  if (name.empty() || !is_id(name) || name.find_first_of("&=#%+?") != std::string_view::npos) {
    return quoted(given.word) + " names no argument; write letters and digits, such as query=api_key";
  }
  *source = {SourceKind::query, std::string(name)};
  return kGood;
}

constexpr Parameter<Source> kNamedSources[] = {
    {"basic", set_basic_source},   {"scheme", set_scheme_source}, {"websocket", set_websocket_source},
    {"header", set_header_source}, {"cookie", set_cookie_source}, {"query", set_query_source},
};

Wrong parse_source(ngx_conf_t *cf, std::string_view word, Source *source) {
  if (read_fixed_source(word, source)) {
    return kGood;
  }
  Wrong wrong;
  return read_parameter(kNamedSources, cf, word, source, &wrong)
             ? wrong
             : Wrong("unknown source " + quoted(word) +
                     "; it must be \"bearer\", \"basic\", scheme=NAME, header=NAME, cookie=NAME, query=NAME or "
                     "\"websocket\"");
}

// Of which there may be one.
constexpr Choice<SourceKind> kSingleSources[] = {
    {"one query argument; write one query=", SourceKind::query},
    {"one cookie; write one cookie=", SourceKind::cookie},
    {"one half of Basic; write one basic=", SourceKind::basic},
    {"one word for WebSockets; write one websocket=", SourceKind::websocket},
};

Wrong add_source(Source source, std::string_view word, std::vector<Source> *sources) {
  if (std::find(sources->begin(), sources->end(), source) != sources->end()) {
    return quoted(word) + " is there twice";
  }
  const auto same_kind = [&](const Source &other) { return other.kind == source.kind; };
  if (std::any_of(sources->begin(), sources->end(), same_kind)) {
    for (const Choice<SourceKind> &one : kSingleSources) {
      if (one.value == source.kind) {
        return "names more than " + std::string(one.word);
      }
    }
  }
  if (sources->size() == kMaxSources) {
    return "names too many sources; at most " + std::to_string(kMaxSources) + " are possible";
  }
  sources->push_back(std::move(source));
  return kGood;
}

// --- what is accepted ------------------------------------------------------------------------------------------

constexpr Choice<bool AcceptRule::*> kAccepted[] = {
    {"key", &AcceptRule::key},
    {"anonymous", &AcceptRule::anonymous},
    {"preflight", &AcceptRule::preflight},
    {"unprovisioned", &AcceptRule::unprovisioned},
};

Wrong add_key_names(std::string_view list, AcceptRule *rule) {
  const std::vector<std::string_view> names = split_list(list, ',');
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

Wrong set_credential(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf) {
  if (conf->sources) {
    return "is duplicate; name all sources in one";
  }
  reading_of(cf).block(conf).sources_place = place_of(cf);
  std::vector<Source> sources;
  std::optional<bool> csrf;
  std::optional<std::vector<std::string>> origins;
  for (std::size_t i = 1; i < words.size(); ++i) {
    Wrong wrong;
    if (const auto check = option(words[i], "csrf")) {
      if (csrf) {
        return "\"csrf=\" is there twice";
      }
      csrf.emplace();
      wrong = parse_on_off(*check, &*csrf);
    } else if (const auto list = option(words[i], "origins")) {
      if (origins) {
        return "\"origins=\" is there twice";
      }
      wrong = parse_origins(*list, &origins.emplace());
    } else {
      Source source;
      wrong = parse_source(cf, words[i], &source);
      wrong = wrong ? wrong : add_source(std::move(source), words[i], &sources);
    }
    if (wrong) {
      return wrong;
    }
  }
  const bool has_ambient =
      std::any_of(sources.begin(), sources.end(), [](const Source &source) { return source.is_ambient(); });
  if ((csrf || origins) && !has_ambient) {
    return std::string(csrf ? "\"csrf=\"" : "\"origins=\"") +
           " is about a cookie; name it, such as cookie=session, or about Basic: write \"basic\"";
  }
  if (sources.empty()) {
    return "names no source";
  }
  for (Source &source : sources) {
    if (source.is_ambient()) {
      source.cross_site = !csrf.value_or(true);
      source.origins = origins.value_or(std::vector<std::string>());
    }
  }
  conf->sources = std::move(sources);
  return kGood;
}

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
