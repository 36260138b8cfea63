// Where credentials come from, and which are accepted: keyward_credential, keyward_accept, keyward_forward_credential.
#include "auth/cookie_text.hpp"
#include "auth/scope.hpp"
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

constexpr Choice<std::pair<SourceKind, const char *>> kFixedSources[] = {
    {"bearer", {SourceKind::bearer, "authorization"}},
    {"websocket", {SourceKind::websocket, "sec-websocket-protocol"}},
};

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
    {"header", set_header_source},
    {"cookie", set_cookie_source},
    {"query", set_query_source},
};

Wrong parse_source(ngx_conf_t *cf, std::string_view word, Source *source) {
  if (const auto *fixed = choose(kFixedSources, word)) {
    *source = {fixed->first, fixed->second};
    return kGood;
  }
  Wrong wrong;
  return read_parameter(kNamedSources, cf, word, source, &wrong)
             ? wrong
             : Wrong("unknown source " + quoted(word) +
                     "; it must be \"bearer\", header=NAME, cookie=NAME, query=NAME or \"websocket\"");
}

Wrong add_source(Source source, std::string_view word, std::vector<Source> *sources) {
  const auto same_kind = [&](const Source &other) { return other.kind == source.kind && !source.is_field(); };
  if (std::any_of(sources->begin(), sources->end(), same_kind)) {
    return source.kind == SourceKind::query ? "names more than one query argument; write one query="
                                            : "names more than one cookie; write one cookie=";
  }
  if (std::find(sources->begin(), sources->end(), source) != sources->end()) {
    return quoted(word) + " is there twice";
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
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (const auto check = option(words[i], "csrf")) {
      if (csrf) {
        return "\"csrf=\" is there twice";
      }
      csrf.emplace();
      if (Wrong wrong = parse_on_off(*check, &*csrf)) {
        return wrong;
      }
      continue;
    }
    Source source;
    if (Wrong wrong = parse_source(cf, words[i], &source)) {
      return wrong;
    }
    if (Wrong wrong = add_source(std::move(source), words[i], &sources)) {
      return wrong;
    }
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
