// A cache in front of which keyward decides must tell its clients apart: its key has to name the principal, or
// nothing of a principal's may be kept.
//
// A variable that isn't known here may name a principal, so it is taken for one that does. What the caching modules
// were told is known from their directives (directive_watch.hpp); nothing is looked at that is theirs alone.
#include "ngx/configuration/cache_check.hpp"

#include <algorithm>

#include "base/variable_names.hpp"
#include "ngx/configuration/computed_variables.hpp"

namespace keyward {
namespace {

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
// The variable that shows what a source brought, as it was sent.
std::string variable_of(const Source &source) {
  const bool is_cookie = source.kind == SourceKind::cookie;
  std::string name = (source.kind == SourceKind::query ? "arg_" : is_cookie ? "cookie_" : "http_") + source.name;
  for (char &c : name) {
    c = c == '-' && !is_cookie ? '_' : static_cast<char>(ngx_tolower(c));
  }
  return name;
}

// Whom a location admits, and how they can be told apart.
struct Principals {
  bool keys = false, tokens = false;
  bool several_issuers = false;  // two of them may have a subject of one name
  bool all_have_subject = true;  // of the tokens
  bool all_have_plan = false;
  bool forwarded = false;                // the credential is still there when the cache is asked
  std::vector<std::string> credentials;  // the variables of all sources
};

Principals principals_of(const LocationConfiguration &location, const MainConfiguration &main) {
  Principals all;
  if (location.enforcement->mode == Mode::off) {
    return all;
  }
  all.all_have_plan = !main.policy.default_plan.empty();
  all.forwarded = location.forward_credential.value_or(false);
  for (const Source &source : *location.sources) {
    all.credentials.push_back(variable_of(source));
  }
  for (const Acceptance &acceptance : location.acceptances) {
    all.keys = all.keys || acceptance.accepts_keys();
    std::size_t apart = 0;  // issuers whose subjects are their own
    for (const std::size_t i : acceptance.issuers == nullptr ? IssuerList() : *acceptance.issuers) {
      all.tokens = true;
      all.all_have_subject = all.all_have_subject && main.issuers[i]->rules.subject_required;
      apart += main.issuers[i]->rules.subject_shared ? 0U : 1U;
    }
    all.several_issuers = all.several_issuers || apart > 1;
  }
  return all;
}

bool is_credential(const Principals &all, std::string_view name) {
  return std::find(all.credentials.begin(), all.credentials.end(), name) != all.credentials.end();
}

// Whether it may tell two principals apart, whatever it is: what isn't known may.
bool may_tell_apart(const Principals &all, std::string_view name) {
  if (is_credential(all, name) || name.substr(0, 4) == "arg_") {
    return false;  // a credential is looked at with all the others
  }
  return !is_own_variable(name) && name != "remote_user" &&
         std::find(std::begin(kSharedVariables), std::end(kSharedVariables), name) == std::end(kSharedVariables);
}

// Each client sends one of the sources: only all of them tell all apart.
bool has_every_credential(const Principals &all, const Origins &key) {
  return all.forwarded && std::all_of(all.credentials.begin(), all.credentials.end(),
                                      [&](const std::string &name) { return key.has(name); });
}

bool has_unknown(const Principals &all, const Origins &origins) {
  return origins.more || std::any_of(origins.names.begin(), origins.names.end(),
                                     [&](const std::string &name) { return may_tell_apart(all, name); });
}

// Who writes these shares answers within a plan on purpose.
bool shares_on_purpose(const Origins &key) { return key.has("keyward_plan") || key.has("keyward_scopes"); }

// A key has its id, and maybe no subject.
bool tells_keys_apart(const Principals &all, const Origins &key) {
  return key.has("keyward_key_id") || shares_on_purpose(key) || has_every_credential(all, key) || has_unknown(all, key);
}

// A token is its issuer and its subject. Who writes a claim shares answers among those who have it.
bool tells_tokens_apart(const Principals &all, const Origins &key) {
  const bool by_claim = std::any_of(key.names.begin(), key.names.end(), [](const std::string &name) {
    return is_own_variable(name) && name.substr(0, 14) == "keyward_claim_";
  });
  const bool by_subject = key.has("keyward_subject") || key.has("remote_user");
  return (by_subject && (!all.several_issuers || key.has("keyward_issuer") || by_claim)) || (by_claim && !by_subject) ||
         shares_on_purpose(key) || has_every_credential(all, key) || has_unknown(all, key);
}

// Which principals' answers a list of proxy_no_cache keeps out of the cache.
struct KeptOut {
  bool keys = false, tokens = false;
};

// What a map makes of its source can't be told: where it looks at the principal at all, it is taken for good.
void add_rule(const DirectiveWatch &watch, const Principals &all, const std::string &rule, KeptOut *out) {
  const std::vector<std::string> names = variables_in(rule);
  const auto is_computed = [&](const std::string &name) { return watch.find_computed(name) != nullptr; };
  const Origins origins = origins_of(watch, names);
  if (is_always_set(rule) || has_unknown(all, origins)) {
    out->keys = out->tokens = true;
    return;
  }
  if (std::any_of(names.begin(), names.end(), is_computed)) {
    const bool by_us = std::any_of(origins.names.begin(), origins.names.end(), [&](const std::string &name) {
      return is_own_variable(name) || name == "remote_user" || (all.forwarded && is_credential(all, name));
    });
    out->keys = out->keys || by_us;
    out->tokens = out->tokens || by_us;
  }
  for (const std::string &name : names) {
    const bool anybody =
        name == "keyward_kind" || name == "keyward_decision" || (name == "keyward_plan" && all.all_have_plan);
    const bool subject = name == "keyward_subject" || name == "remote_user";
    out->keys = out->keys || anybody || name == "keyward_key_id";
    out->tokens = out->tokens || anybody || name == "keyward_issuer" || (subject && all.all_have_subject);
  }
}

KeptOut kept_out_by(const DirectiveWatch &watch, const Principals &all, const std::vector<std::string> &rules) {
  KeptOut out;
  Origins named;
  for (const std::string &rule : rules) {
    add_rule(watch, all, rule, &out);
    for (std::string &name : variables_in(rule)) {
      named.names.insert(std::move(name));
    }
  }
  if (has_every_credential(all, named)) {
    out.keys = out.tokens = true;
  }
  return out;
}

// What one module caches in which location.
class CacheCheck {
 public:
  CacheCheck(ngx_conf_t *cf, const MainConfiguration &main, const Reading &reading, std::size_t which)
      : cf_(cf),
        main_(main),
        reading_(reading),
        watch_(*reading.watch),
        which_(which),
        names_(kCachingModules[which]) {}

  void run() {
    for (const MergedLocation &one : reading_.merged) {
      const LocationConfiguration *around = reading_.parent_of(one.location);
      if (reading_.parent_of(around) == nullptr) {
        states_.try_emplace(around, state_of(around, State()));  // http
      }
      const auto parent = states_.find(around);
      State state = state_of(one.location, parent->second);
      const auto *core = static_cast<ngx_http_core_loc_conf_t *>(one.loc_conf[ngx_http_core_module.ctx_index]);
      const BlockNote *note = watch_.find(one.location);
      // An `if` without a handler of its own, and limit_except, have that of the location around them.
      const bool inherits = core->noname && (core->handler == nullptr || core->handler == parent->second.handler);
      state.handler = inherits ? parent->second.handler : core->handler;
      state.answers =
          note != nullptr && note->passes_to ? note->passes_to == which_ : inherits && parent->second.answers;
      look_at(one, core->noname, &state);
      states_[one.location] = std::move(state);
    }
  }

 private:
  // What holds in a block: its own, or that of the blocks around it.
  struct State {
    CacheNote cache;
    ngx_http_handler_pt handler = nullptr;
    bool answers = false;  // it is this module that answers there
    bool warned = false;
  };

  State state_of(const LocationConfiguration *location, const State &parent) const {
    State state;
    state.cache = parent.cache;
    if (const BlockNote *note = watch_.find(location)) {
      const CacheNote &own = note->caches[which_];
      state.cache.on = own.on ? own.on : state.cache.on;
      state.cache.key = own.key ? own.key : state.cache.key;
      state.cache.no_cache = own.no_cache ? own.no_cache : state.cache.no_cache;
      state.cache.bypass = own.bypass ? own.bypass : state.cache.bypass;
    }
    return state;
  }

  void look_at(const MergedLocation &one, bool noname, State *state) const {
    const Principals all = principals_of(*one.location, main_);
    if (!state->cache.on.value_or(false) || !state->answers || (!all.keys && !all.tokens)) {
      return;
    }
    const std::string key = state->cache.key.value_or(names_.default_key);
    const Origins origins = origins_of(watch_, variables_in(key));
    // What isn't kept can't be given to another. A cache that is bypassed is still filled, for other locations and
    // for the anonymous.
    const KeptOut out = kept_out_by(watch_, all, state->cache.no_cache.value_or(std::vector<std::string>()));
    const bool keys_shared = all.keys && !out.keys && !tells_keys_apart(all, origins);
    const bool tokens_shared = all.tokens && !out.tokens && !tells_tokens_apart(all, origins);
    if (!keys_shared && !tokens_shared) {
      return;
    }
    state->warned = true;
    // An `if` or limit_except inside has it from around it.
    if (!noname || !states_.at(reading_.parent_of(one.location)).warned) {
      warn(one, all, origins, *state, keys_shared);
    }
  }

  // What was written in the belief that it would do.
  std::string why_not(const Principals &all, const Origins &key, const State &state, bool keys_shared) const {
    Origins named = key;
    for (const auto *rules : {&state.cache.no_cache, &state.cache.bypass}) {
      for (const std::string &rule : rules->value_or(std::vector<std::string>())) {
        const Origins more = origins_of(watch_, variables_in(rule));
        named.names.insert(more.names.begin(), more.names.end());
      }
    }
    for (const std::string &name : all.credentials) {
      if (named.has(name)) {
        return all.forwarded ? ": $" + name + " is empty for clients that send the credential in another field"
                             : ": $" + name + " is empty, as the credential is removed before the cache is asked";
      }
    }
    for (const char *name : {"keyward_subject", "remote_user"}) {
      if (named.has(name) && keys_shared) {
        return std::string(": $") + name + " is empty for a key without a subject";
      }
      if (named.has(name) && !key.has(name)) {
        return std::string(": $") + name + " is empty for a token without a subject";
      }
    }
    return "";
  }

  void warn(const MergedLocation &one, const Principals &all, const Origins &key, const State &state,
            bool keys_shared) const {
    const std::string rest = *names_.default_key == '\0' ? "$request_uri" : names_.default_key;
    ngx_log_error(NGX_LOG_WARN, cf_->log, 0,
                  "%s_cache of the location %s has no principal in its key%s, so that a client may get what was "
                  "answered to another; write \"%s_cache_key '$keyward_key_id %s$keyward_subject %s';\"",
                  names_.prefix, reading_.blocks.at(one.location).place.c_str(),
                  why_not(all, key, state, keys_shared).c_str(), names_.prefix,
                  all.several_issuers ? "$keyward_issuer " : "", rest.c_str());
  }

  ngx_conf_t *cf_;
  const MainConfiguration &main_;
  const Reading &reading_;
  const DirectiveWatch &watch_;
  std::size_t which_;
  const CachingModule &names_;
  std::map<const LocationConfiguration *, State> states_;
};

}  // namespace

void warn_of_shared_caches(ngx_conf_t *cf, const MainConfiguration &main, const Reading &reading) {
  for (std::size_t i = 0; i < kCachingModules.size(); ++i) {
    CacheCheck(cf, main, reading, i).run();
  }
}

}  // namespace keyward
