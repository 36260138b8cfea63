// A cache in front of which keyward decides must tell its clients apart: its key has to name the principal.
//
// A false warning is worse than a missed one: a variable that isn't known here may name a principal, so its key is taken for good.
#include "ngx/cache_check.hpp"

#include <algorithm>
#include <cstring>
#include <map>

namespace keyward {

#if (NGX_HTTP_CACHE)

namespace {

// nginx's modules that cache, and the key they have by default (only proxy has one).
struct CachingModule {
  std::string_view module, cache, key, default_key;
};
constexpr CachingModule kCachingModules[] = {
    {"ngx_http_proxy_module", "proxy_cache", "proxy_cache_key", "$scheme$proxy_host$request_uri"},
    {"ngx_http_fastcgi_module", "fastcgi_cache", "fastcgi_cache_key", ""},
    {"ngx_http_uwsgi_module", "uwsgi_cache", "uwsgi_cache_key", ""},
    {"ngx_http_scgi_module", "scgi_cache", "scgi_cache_key", ""},
};

// Variables that are the same for two principals who send the same request.
constexpr std::string_view kSharedVariables[] = {
    "args",
    "content_length",
    "content_type",
    "document_root",
    "document_uri",
    "fastcgi_path_info",
    "fastcgi_script_name",
    "host",
    "hostname",
    "http_accept",
    "http_accept_encoding",
    "http_accept_language",
    "http_host",
    "http_origin",
    "http_range",
    "http_referer",
    "http_user_agent",
    "https",
    "is_args",
    "keyward_decision",
    "keyward_kind",
    "keyward_reason",
    "proxy_host",
    "proxy_port",
    "query_string",
    "realpath_root",
    "request",
    "request_body",
    "request_filename",
    "request_method",
    "request_uri",
    "scheme",
    "server_addr",
    "server_name",
    "server_port",
    "server_protocol",
    "slice_range",
    "uri",
};

constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);

const ngx_module_t *find_module(ngx_conf_t *cf, std::string_view name) {
  for (ngx_uint_t i = 0; cf->cycle->modules[i] != nullptr; ++i) {
    if (cf->cycle->modules[i]->name == name) {
      return cf->cycle->modules[i];
    }
  }
  return nullptr;
}

ngx_command_t *find_command(const ngx_module_t *module, std::string_view name) {
  for (ngx_command_t *command = module->commands; command != nullptr && command->name.len != 0; ++command) {
    if (view(command->name) == name) {
      return command;
    }
  }
  return nullptr;
}

// Where a module keeps the text of its cache key in its location configuration, whose form is private to the module and differs
// between versions. So the module's own setter is asked: it sets a text of ours in a configuration that nobody else sees, in which
// the text's address is then looked for.
std::size_t find_key_offset(ngx_conf_t *cf, const ngx_module_t *module, ngx_command_t *command) {
  constexpr std::size_t kPoolBytes = 16384;
  ngx_pool_t *pool = ngx_create_pool(kPoolBytes, cf->log);
  if (pool == nullptr) {
    throw std::bad_alloc();
  }
  u_char text[] = "keyward";
  ngx_str_t words[] = {command->name, {sizeof(text) - 1, text}};
  ngx_array_t args = {words, 2, sizeof(ngx_str_t), 2, pool};
  ngx_conf_t probe = *cf;
  probe.pool = probe.temp_pool = pool;
  probe.args = &args;
  auto *begin = static_cast<u_char *>(static_cast<ngx_http_module_t *>(module->ctx)->create_loc_conf(&probe));
  const u_char *end = pool->d.last;
  std::size_t offset = kNowhere;
  // What isn't in the pool's first block can't be searched, as its end isn't known.
  if (begin > reinterpret_cast<u_char *>(pool) && begin < end && command->set(&probe, command, begin) == NGX_CONF_OK) {
    for (const u_char *at = begin; offset == kNowhere && at + sizeof(ngx_str_t) <= end; at += sizeof(void *)) {
      ngx_str_t found;
      std::memcpy(&found, at, sizeof(found));
      if (found.data == text && found.len == sizeof(text) - 1) {
        offset = static_cast<std::size_t>(at - begin);
      }
    }
  }
  ngx_destroy_pool(pool);
  return offset;
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// $name and ${name}, in lower case, as nginx knows them.
std::vector<std::string> variables_in(std::string_view text) {
  std::vector<std::string> names;
  for (std::size_t dollar = text.find('$'); dollar != std::string_view::npos; dollar = text.find('$')) {
    text.remove_prefix(dollar + 1);
    if (!text.empty() && text.front() == '{') {
      text.remove_prefix(1);
    }
    std::string name;
    for (; !text.empty() && is_name_character(text.front()); text.remove_prefix(1)) {
      name += static_cast<char>(ngx_tolower(text.front()));
    }
    names.push_back(std::move(name));
  }
  return names;
}

// The variable that shows what a source brought, as it was sent.
std::string variable_of(const Source &source) {
  const bool is_cookie = source.kind == SourceKind::cookie;
  std::string name = (source.kind == SourceKind::query ? "arg_" : is_cookie ? "cookie_" : "http_") + source.name;
  for (char &c : name) {
    c = c == '-' && !is_cookie ? '_' : static_cast<char>(ngx_tolower(c));
  }
  return name;
}

bool is_shared(std::string_view name, const LocationConfiguration &location) {
  for (const Source &source : *location.sources) {
    if (name == variable_of(source)) {
      // The cache is asked after keyward, which has taken the credential out of the request.
      return !location.forward_credential.value_or(false);
    }
  }
  return name.substr(0, 4) == "arg_" ||
         std::find(std::begin(kSharedVariables), std::end(kSharedVariables), name) != std::end(kSharedVariables);
}

// What of a principal a key has to name.
struct Wanted {
  bool key = false;     // $keyward_key_id, or $keyward_subject
  bool token = false;   // $keyward_subject
  bool issuer = false;  // $keyward_issuer, as two of them may have a subject of one name
};

Wanted wanted_in(const LocationConfiguration &location, const MainConfiguration &main) {
  Wanted wanted;
  std::size_t apart = 0;  // issuers of one location whose subjects are their own
  for (const Acceptance &acceptance : location.acceptances) {
    wanted.key = wanted.key || acceptance.key;
    if (acceptance.issuers == nullptr || acceptance.issuers->empty()) {
      continue;
    }
    wanted.token = true;
    apart = std::max(apart, static_cast<std::size_t>(
                                std::count_if(acceptance.issuers->begin(), acceptance.issuers->end(),
                                              [&](std::size_t i) { return !main.issuers[i]->rules.subject_shared; })));
  }
  wanted.issuer = apart > 1;
  return wanted;
}

bool names_principal(const std::vector<std::string> &names, const Wanted &wanted) {
  const auto has = [&names](std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  return (!wanted.key || has("keyward_key_id") || has("keyward_subject")) &&
         (!wanted.token || has("keyward_subject")) && (!wanted.issuer || has("keyward_issuer"));
}

bool admits_principals(const LocationConfiguration &location) {
  return location.enforcement->mode != Mode::off &&
         std::any_of(location.accept->begin(), location.accept->end(),
                     [](const AcceptRule &rule) { return rule.key || !rule.issuers.empty(); });
}

// What one module caches in which location.
class CacheCheck {
 public:
  CacheCheck(ngx_conf_t *cf, const CachingModule &names, const ngx_module_t *module, std::size_t key_offset)
      : cf_(cf), names_(names), module_(module), key_offset_(key_offset) {}

  void run(const std::vector<MergedLocation> &locations) {
    for (const MergedLocation &one : locations) {
      handlers_[one.location] = handler_of(one);
      if (const auto handler = handlers_[one.location]; handler != nullptr && upstream(one)->upstream != nullptr) {
        own_handlers_.push_back(handler);
      }
    }
    for (const MergedLocation &one : locations) {
      look_at(one);
    }
  }

 private:
  const ngx_http_core_loc_conf_t *core(const MergedLocation &one) const {
    return static_cast<ngx_http_core_loc_conf_t *>(one.loc_conf[ngx_http_core_module.ctx_index]);
  }

  // Every module of these has it as its first member.
  const ngx_http_upstream_conf_t *upstream(const MergedLocation &one) const {
    return static_cast<ngx_http_upstream_conf_t *>(one.loc_conf[module_->ctx_index]);
  }

  // What answers there; an `if` without a handler of its own keeps that of the location around it, which comes before it in the list.
  ngx_http_handler_pt handler_of(const MergedLocation &one) const {
    const auto around = handlers_.find(one.location->parent);
    return core(one)->handler != nullptr || !core(one)->noname || around == handlers_.end() ? core(one)->handler
                                                                                            : around->second;
  }

  std::string_view key_of(const MergedLocation &one) const {
    ngx_str_t text;
    std::memcpy(&text, static_cast<u_char *>(one.loc_conf[module_->ctx_index]) + key_offset_, sizeof(text));
    return text.data == nullptr ? names_.default_key : view(text);
  }

  // Where proxy_pass holds variables there is no upstream yet: then it is known by its handler, if another location shows it.
  bool answers_here(const MergedLocation &one) const {
    const auto handler = handlers_.at(one.location);
    return handler != nullptr && std::find(own_handlers_.begin(), own_handlers_.end(), handler) != own_handlers_.end();
  }

  void look_at(const MergedLocation &one) {
    const ngx_http_upstream_conf_t *conf = upstream(one);
    // Who says when not to cache and when not to ask the cache has thought of it.
    const bool has_rules = conf->no_cache != nullptr && conf->cache_bypass != nullptr;
    if (conf->cache != 1 || has_rules || !admits_principals(*one.location) || !answers_here(one)) {
      return;
    }
    const std::string_view key = key_of(one);
    std::string emptied;
    const std::vector<std::string> names = variables_in(key);
    const Wanted wanted = wanted_in(*one.location, *main_configuration(cf_));
    if (names_principal(names, wanted)) {
      return;
    }
    for (const std::string &name : names) {
      const bool is_known = name == "keyward_key_id" || name == "keyward_subject" || name == "keyward_issuer";
      if (!is_known && !is_shared(name, *one.location)) {
        return;
      }
      for (const Source &source : *one.location->sources) {
        emptied = name == variable_of(source) ? name : emptied;
      }
    }
    warned_.push_back(one.location);
    // An `if` or limit_except inside has it from around it.
    if (!core(one)->noname || std::find(warned_.begin(), warned_.end(), one.location->parent) == warned_.end()) {
      warn(one, emptied, wanted);
    }
  }

  void warn(const MergedLocation &one, const std::string &emptied, const Wanted &wanted) const {
    const std::string why =
        emptied.empty() ? "" : ": $" + emptied + " is empty, as the credential is removed before the cache is asked";
    const std::string rest(names_.default_key.empty() ? "$request_uri" : names_.default_key);
    ngx_log_error(
        NGX_LOG_WARN, cf_->log, 0,
        "%s of the location %s has no principal in its key%s, so that a client may get what was answered to another; "
        "write \"%s '$keyward_key_id %s$keyward_subject %s';\"",
        names_.cache.data(), one.location->block_place.c_str(), why.c_str(), names_.key.data(),
        wanted.issuer ? "$keyward_issuer " : "", rest.c_str());
  }

  ngx_conf_t *cf_;
  const CachingModule &names_;
  const ngx_module_t *module_;
  std::size_t key_offset_;
  std::map<const LocationConfiguration *, ngx_http_handler_pt> handlers_;
  std::vector<ngx_http_handler_pt> own_handlers_;
  std::vector<const LocationConfiguration *> warned_;
};

}  // namespace

void warn_of_shared_caches(ngx_conf_t *cf) {
  const MainConfiguration *main = main_configuration(cf);
  for (const CachingModule &names : kCachingModules) {
    const ngx_module_t *module = find_module(cf, names.module);
    ngx_command_t *command = module == nullptr ? nullptr : find_command(module, names.key);
    const std::size_t offset = command == nullptr ? kNowhere : find_key_offset(cf, module, command);
    if (offset != kNowhere) {
      CacheCheck(cf, names, module, offset).run(main->merged);
    }
  }
}

#else

void warn_of_shared_caches(ngx_conf_t *) {}

#endif

}  // namespace keyward
