// Where credentials come from: keyward_credential.
#include "auth/cookie_text.hpp"
#include "auth/credential_text.hpp"
#include "auth/origin.hpp"
#include "base/ascii.hpp"
#include "ngx/configuration/directive.hpp"
#include "ngx/configuration/reading.hpp"

namespace keyward {
namespace {

// Fields that say how a request is to be read, where it comes from and how it came, or that hold for one connection only:
// none of these can be removed with the credential, nor be told from what browsers, proxies and nginx write there. In
// lower case.
constexpr std::string_view kNoCredentialFields[] = {
    "accept",
    "cache-control",
    "connection",
    "cookie2",
    "date",
    "dnt",
    "early-data",
    "expect",
    "forwarded",
    "from",
    "host",
    "http2-settings",
    "keep-alive",
    "max-forwards",
    "origin",
    "pragma",
    "priority",
    "range",
    "referer",
    "proxy-authorization",
    "te",
    "proxy-connection",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-by",
    "x-forwarded-server",
    "x-forwarded-proto",
    "x-real-ip",
    "upgrade-insecure-requests",
};
constexpr std::string_view kNoCredentialBegins[] = {"accept-", "access-control-", "content-", "if-", "sec-"};

bool is_of_http(std::string_view name) noexcept {
  const auto begins = [name](std::string_view begin) { return name.substr(0, begin.size()) == begin; };
  return std::any_of(std::begin(kNoCredentialBegins), std::end(kNoCredentialBegins), begins) ||
         std::find(std::begin(kNoCredentialFields), std::end(kNoCredentialFields), name) !=
             std::end(kNoCredentialFields);
}

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
  if (is_of_http(name)) {
    return quoted(name) +
           " is written by browsers, proxies or HTTP itself, and can't hold a credential; write a field of your own, "
           "such as header=X-API-Key";
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

}  // namespace keyward
