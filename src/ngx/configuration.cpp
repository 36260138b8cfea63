// Creating, inheriting and judging the configuration.
#include "ngx/configuration.hpp"

#include <algorithm>

#include "base/digest.hpp"
#include "ngx/cache_check.hpp"
#include "ngx/computed_variables.hpp"
#include "ngx/early_check.hpp"
#include "ngx/issuer_check.hpp"

namespace keyward {
namespace {

template <typename T>
void inherit(std::optional<T> &child, const std::optional<T> &parent) {
  if (!child) {
    child = parent;
  }
}

std::shared_ptr<const AnswerTable> default_answers() {
  auto table = std::make_shared<AnswerTable>();
  for (std::size_t i = 0; i < kReasonCount; ++i) {
    const ReasonInfo &row = info(static_cast<Reason>(i));
    (*table)[i] = {row.status, std::string(row.code), std::string(row.message)};
  }
  return table;
}

// A rule for a code holds for all of its reasons; a rule that names the reason wins, wherever it stands.
std::shared_ptr<const AnswerTable> answers_with(const std::vector<MessageRule> &rules) {
  auto table = std::make_shared<AnswerTable>(*default_answers());
  const auto apply = [&](const MessageRule &rule, std::size_t i) {
    Answer &answer = (*table)[i];
    answer.message = rule.text;
    answer.status = rule.status.value_or(answer.status);
    answer.code = rule.code.value_or(answer.code);
  };
  for (const MessageRule &rule : rules) {
    for (const std::string &code : rule.codes) {
      for (std::size_t i = 1; i < kReasonCount; ++i) {
        if (info(static_cast<Reason>(i)).code == code) {
          apply(rule, i);
        }
      }
    }
  }
  for (const MessageRule &rule : rules) {
    for (const Reason reason : rule.reasons) {
      apply(rule, static_cast<std::size_t>(reason));
    }
  }
  return table;
}

// An unnamed limit is known by where it is written, never by its rate or its line, so that its counts survive a reload.
void name_limits(MainConfiguration *main, std::vector<LimitRule> *limits, std::string_view server,
                 std::string_view location) {
  const bool needed =
      std::any_of(limits->begin(), limits->end(), [](const LimitRule &rule) { return rule.identity == 0; });
  if (!needed) {
    return;
  }
  std::string place = std::string(server) + '\n' + std::string(location);
  const auto twins = std::count(main->limit_places.begin(), main->limit_places.end(), place);
  main->limit_places.push_back(place);
  std::size_t position = 0;
  for (LimitRule &rule : *limits) {
    // Plan limits count over all locations: the principal is all that names their windows.
    std::string identity = rule.plan ? "plan\n" + rule.name
                           : !rule.name.empty()
                               ? "name\n" + rule.name
                               : "place\n" + place + '\n' + std::to_string(twins) + '\n' + std::to_string(position);
    identity += '\n' + std::to_string(static_cast<int>(rule.by));
    // Not a secret and the same in every process and after every reload, so under a fixed key.
    const Digest digest = keyed_digest(DigestKey{}, identity);
    std::memcpy(&rule.identity, digest.data(), sizeof(rule.identity));
    ++position;
  }
}

bool drops_all(const std::vector<ScopeRule> &parent, const std::vector<ScopeRule> &child) {
  for (const ScopeRule &old_rule : parent) {
    for (const std::string_view old_scope : old_rule.scopes) {
      for (const ScopeRule &rule : child) {
        if (std::find(rule.scopes.begin(), rule.scopes.end(), old_scope) != rule.scopes.end()) {
          return false;
        }
      }
    }
  }
  return !parent.empty();
}

// A request that costs more than a window of its plan ever holds is refused for good.
void warn_of_dear_plans(ngx_conf_t *cf, const MainConfiguration &main, const LocationConfiguration &location) {
  if (!location.effective || !location.limits || location.limits_place.empty()) {
    return;
  }
  for (const LimitRule &rule : *location.limits) {
    for (const auto &[name, plan] : main.policy.plans) {
      const auto tight = std::find_if(plan.limits.begin(), plan.limits.end(),
                                      [&](const Rate &rate) { return rule.plan && rate.count < rule.cost; });
      if (tight != plan.limits.end()) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "\"cost=%uD\" of the \"keyward_limit plan\" %s is more than the plan \"%s\" ever admits "
                      "(%s): who has it gets 429 there, always",
                      rule.cost, location.limits_place.c_str(), name.c_str(), to_text(*tight).c_str());
      }
    }
  }
}

bool has_plan_limit(const std::vector<LimitRule> &limits) {
  return std::any_of(limits.begin(), limits.end(), [](const LimitRule &rule) { return rule.plan; });
}

bool has_variables(const LocationConfiguration &location) {
  const auto in_rule = [](const ScopeRule &rule) { return !rule.values.empty(); };
  const auto in_limit = [](const LimitRule &rule) { return rule.variable != nullptr; };
  return (location.scopes && std::any_of(location.scopes->begin(), location.scopes->end(), in_rule)) ||
         (location.limits && std::any_of(location.limits->begin(), location.limits->end(), in_limit));
}

// A set of methods that some rule looks at.
template <typename Rules>
bool names_methods(const std::optional<Rules> &rules) {
  return rules && std::any_of(rules->begin(), rules->end(), [](const auto &rule) { return rule.methods != 0; });
}

// `if` and limit_except choose by the request, not by the location: an `off` in there is easily overlooked.
bool turns_off_for_some(const LocationConfiguration &child, const LocationConfiguration &parent,
                        const ngx_http_core_loc_conf_t &core) {
  return core.noname && child.enforcement && child.enforcement->mode == Mode::off && parent.enforcement &&
         parent.enforcement->mode != Mode::off;
}

// A credential in a field that clients may not send would never be seen.
const Source *find_identity_source(const std::vector<Source> &sources, const ServerConfiguration &server) {
  const auto is_identity = [&](const Source &source) {
    return source.kind == SourceKind::header &&
           std::any_of(server.identity.begin(), server.identity.end(),
                       [&](const IdentityName &field) { return field.lowcase == source.name; });
  };
  const auto found = std::find_if(sources.begin(), sources.end(), is_identity);
  return found == sources.end() ? nullptr : &*found;
}

void name_identity(ServerConfiguration *server) {
  static constexpr const char *kNames[kIdentityFields] = {"Subject", "Key-Id", "Plan",     "Scopes",
                                                          "Kind",    "Issuer", "Assertion"};
  server->identity_on = !server->identity_prefix->empty();
  // What is off is protected all the same, under the default names.
  const std::string prefix = server->identity_on ? *server->identity_prefix : "X-Keyward";
  for (std::size_t i = 0; i < kIdentityFields; ++i) {
    IdentityName &identity = server->identity[i];
    identity.name = prefix + '-' + kNames[i];
    identity.lowcase = identity.name;
    for (char &c : identity.lowcase) {
      c = static_cast<char>(ngx_tolower(c));
    }
    identity.field.key = borrow(identity.name);
    identity.field.lowcase_key = borrow(identity.lowcase).data;
    identity.field.hash = ngx_hash_key(identity.field.lowcase_key, identity.lowcase.size());
    server->watched.add(identity.lowcase, FieldUse::identity);
  }
}

// WebSocket is what browsers ask for; whatever else may pass is named.
void admit_upgrades(ServerConfiguration *server) {
  if (!server->upgrades) {
    server->upgrades.emplace();
  }
  std::vector<std::string> &tokens = *server->upgrades;
  server->passes_h2c = std::find(tokens.begin(), tokens.end(), "h2c") != tokens.end();
  if (std::find(tokens.begin(), tokens.end(), "websocket") == tokens.end()) {
    tokens.insert(tokens.begin(), "websocket");
  }
}

}  // namespace

std::string place_of(ngx_conf_t *cf) {
  if (cf->conf_file == nullptr || cf->conf_file->file.fd == NGX_INVALID_FILE) {
    return "on the command line";
  }
  return "in " + std::string(view(cf->conf_file->file.name)) + ':' + std::to_string(cf->conf_file->line);
}

MainConfiguration *main_configuration(ngx_conf_t *cf) noexcept {
  return static_cast<MainConfiguration *>(ngx_http_conf_get_module_main_conf(cf, ngx_http_keyward_module));
}

ServerConfiguration *server_configuration(ngx_conf_t *cf) noexcept {
  return static_cast<ServerConfiguration *>(ngx_http_conf_get_module_srv_conf(cf, ngx_http_keyward_module));
}

LocationConfiguration *location_configuration(ngx_conf_t *cf) noexcept {
  return static_cast<LocationConfiguration *>(ngx_http_conf_get_module_loc_conf(cf, ngx_http_keyward_module));
}

const MainConfiguration &main_configuration(ngx_http_request_t *r) noexcept {
  return *static_cast<MainConfiguration *>(ngx_http_get_module_main_conf(r, ngx_http_keyward_module));
}

const ServerConfiguration &server_configuration(ngx_http_request_t *r) noexcept {
  return *static_cast<ServerConfiguration *>(ngx_http_get_module_srv_conf(r, ngx_http_keyward_module));
}

const LocationConfiguration &location_configuration(ngx_http_request_t *r) noexcept {
  return *static_cast<LocationConfiguration *>(ngx_http_get_module_loc_conf(r, ngx_http_keyward_module));
}

const LocationConfiguration &server_location(ngx_http_request_t *r) noexcept {
  const auto *core = static_cast<ngx_http_core_srv_conf_t *>(ngx_http_get_module_srv_conf(r, ngx_http_core_module));
  return *static_cast<LocationConfiguration *>(core->ctx->loc_conf[ngx_http_keyward_module.ctx_index]);
}

MainConfiguration *main_configuration(ngx_cycle_t *cycle) noexcept {
  if (ngx_get_conf(cycle->conf_ctx, ngx_http_module) == nullptr) {
    return nullptr;
  }
  return static_cast<MainConfiguration *>(ngx_http_cycle_get_module_main_conf(cycle, ngx_http_keyward_module));
}

void *create_main(ngx_conf_t *cf) noexcept { return pool_new<MainConfiguration>(cf->pool); }

void *create_server(ngx_conf_t *cf) noexcept { return pool_new<ServerConfiguration>(cf->pool); }

void *create_location(ngx_conf_t *cf) noexcept {
  return guarded(static_cast<void *>(nullptr), [&]() -> void * {
    auto *location = pool_new<LocationConfiguration>(cf->pool);
    if (location != nullptr) {
      location->block_place = place_of(cf);
    }
    return location;
  });
}

char *init_main(ngx_conf_t * /*cf*/, void *conf) noexcept {
  return guarded(static_cast<char *>(NGX_CONF_ERROR), [&]() -> char * {
    auto *main = static_cast<MainConfiguration *>(conf);
    if (!main->formats_set) {
      main->formats = {default_key_format()};
    }
    if (main->bcrypt_concurrency == 0) {
      main->bcrypt_concurrency = static_cast<std::size_t>(std::max<ngx_int_t>(1, ngx_ncpu / 2));
    }
    main->bcrypt_concurrency = std::min(main->bcrypt_concurrency, Gate::kMaxPlaces);
    return NGX_CONF_OK;
  });
}

char *merge_server(ngx_conf_t * /*cf*/, void *parent, void *child) noexcept {
  return guarded(static_cast<char *>(NGX_CONF_ERROR), [&]() -> char * {
    auto *server = static_cast<ServerConfiguration *>(child);
    inherit(server->identity_prefix, static_cast<ServerConfiguration *>(parent)->identity_prefix);
    inherit(server->upgrades, static_cast<ServerConfiguration *>(parent)->upgrades);
    if (!server->identity_prefix) {
      server->identity_prefix = "X-Keyward";
    }
    name_identity(server);
    watch_usual_fields(&server->watched);
    admit_upgrades(server);
    return NGX_CONF_OK;
  });
}

char *merge_location(ngx_conf_t *cf, void *parent_conf, void *child_conf) noexcept {
  return guarded(static_cast<char *>(NGX_CONF_ERROR), [&]() -> char * {
    auto *parent = static_cast<LocationConfiguration *>(parent_conf);
    auto *child = static_cast<LocationConfiguration *>(child_conf);
    MainConfiguration *main = main_configuration(cf);
    auto *core = static_cast<ngx_http_core_loc_conf_t *>(ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
    auto *core_server =
        static_cast<ngx_http_core_srv_conf_t *>(ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module));

    if (child->scopes && parent->scopes && drops_all(*parent->scopes, *child->scopes)) {
      ngx_log_error(NGX_LOG_WARN, cf->log, 0, "keyward_scope %s drops all scopes that were required around it",
                    child->scopes_place.c_str());
    }
    if (child->limits && parent->limits && has_plan_limit(*parent->limits) && !has_plan_limit(*child->limits)) {
      ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                    "keyward_limit %s replaces the \"keyward_limit plan\" around it; add \"keyward_limit plan;\" to "
                    "keep the plan's limits",
                    child->limits_place.c_str());
    }
    if (parent->limits) {
      name_limits(main, &*parent->limits, "http", "");
    }
    if (child->limits) {
      std::string location(view(core->name));
      if (core->noname) {
        location += "\nif or limit_except";
      }
      name_limits(main, &*child->limits, view(core_server->server_name), location);
    }

    child->parent = parent;
    child->whole = core->noname && parent->whole != nullptr ? parent->whole : child;
    main->merged.push_back({child, static_cast<ngx_http_conf_ctx_t *>(cf->ctx)->loc_conf});
    if (turns_off_for_some(*child, *parent, *core)) {
      ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                    "\"keyward off\" %s leaves unguarded what comes into that block of a guarded location; to let some "
                    "requests in "
                    "without a key, write \"keyward_accept methods=... key anonymous;\" there",
                    child->enforcement_place.c_str());
    }
    inherit(child->enforcement, parent->enforcement);
    if (!child->sources) {
      child->sources_place = parent->sources_place;
    }
    inherit(child->sources, parent->sources);
    inherit(child->accept, parent->accept);
    inherit(child->scopes, parent->scopes);
    inherit(child->limits, parent->limits);
    inherit(child->limit_headers, parent->limit_headers);
    inherit(child->errors, parent->errors);
    inherit(child->realm, parent->realm);
    inherit(child->forward_credential, parent->forward_credential);

    if (!parent->answers) {
      parent->answers = parent->messages ? answers_with(*parent->messages) : default_answers();
    }
    child->answers = child->messages ? answers_with(*child->messages) : parent->answers;
    inherit(child->messages, parent->messages);

    if (!child->enforcement) {
      child->enforcement = Enforcement();
    }
    if (!child->sources) {
      child->sources = std::vector<Source>{{SourceKind::bearer, "authorization"}, {SourceKind::header, "x-api-key"}};
    }
    if (!child->accept) {
      AcceptRule rule;
      rule.key = true;
      rule.issuers = {"token"};
      child->accept = std::vector<AcceptRule>{rule};
    }
    child->acceptances = work_out(main, *child->accept);
    if (!child->errors) {
      child->errors = ErrorStyle();
    }
    for (const Source &source : *child->sources) {
      if (source.is_field()) {
        child->source_lengths.add(source.name.size());
      }
      child->cookie = source.kind == SourceKind::cookie ? &source : child->cookie;
    }
    child->has_query = parent->has_query;
    for (const Source &source : *child->sources) {
      if (source.kind == SourceKind::query) {
        child->has_query = true;
        auto &names = main->query_names;
        if (std::find(names.begin(), names.end(), source.name) == names.end()) {
          names.push_back(source.name);
        }
      }
    }
    // limit_except tells methods apart, too.
    child->has_methods = core->limit_except != 0 || core->lmt_excpt || names_methods(child->scopes) ||
                         names_methods(child->accept) || names_methods(child->limits);
    child->reads_variables = has_variables(*child);

    if (core->noname && child->enforcement->ends_on() != parent->enforcement->ends_on()) {
      parent->partly_guarded = true;
    }

    if (child->touched || child->enforcement->mode != Mode::off) {
      server_configuration(cf)->guarded = true;
    }
    if (child->enforcement->mode != Mode::off) {
      const Source *taken = find_identity_source(*child->sources, *server_configuration(cf));
      if (taken != nullptr) {
        main->problems.push_back(
            {"\"header=" + taken->name + "\" " + child->sources_place +
             " is a field of keyward_identity, which is removed from every request; write another name, such as "
             "header=X-API-Key"});
      }
      main->any_on = true;
      for (LocationConfiguration *around = child; around != nullptr; around = around->parent) {
        around->effective = true;
      }
      const bool accepts_key =
          std::any_of(child->accept->begin(), child->accept->end(), [](const AcceptRule &rule) { return rule.key; });
      const bool accepts_other =
          std::any_of(child->accept->begin(), child->accept->end(), [main](const AcceptRule &rule) {
            return rule.anonymous || rule.preflight || (!rule.issuers.empty() && !main->issuers.empty());
          });
      if (accepts_key && !accepts_other && main->store.empty()) {
        const LocationConfiguration *set = child;
        while (set->place.empty() && set->parent != nullptr) {
          set = set->parent;
        }
        main->problems.push_back(
            {"keyward is on " + set->place +
             " and accepts keys, but there is no store; write \"keyward_store /var/lib/keyward;\" in http"});
      }
    }
    return NGX_CONF_OK;
  });
}

bool check_configuration(ngx_conf_t *cf, const DirectiveWatch &watch) noexcept {
  return guarded(false, [&] {
    MainConfiguration *main = main_configuration(cf);
    main->key_files.clear();
    check_issuers(cf, main);
    for (const auto &[plan, place] : main->plans_named) {
      const auto known = main->policy.plans.find(plan);
      if (known != main->policy.plans.end() && known->second.no_access) {
        main->problems.push_back({"\"default=" + plan + "\" " + place +
                                  " gives the limits of a plan with no_access, and " +
                                  "gives access; leave it out to refuse whoever has no plan"});
      }
      if (known == main->policy.plans.end()) {
        main->problems.push_back(
            {"unknown plan \"" + plan + "\" " + place + "; define it with \"keyward_plan " + plan + " ...;\" in http"});
      }
    }
    for (const LocationConfiguration *location : main->touched) {
      if (!location->effective && location->first_directive != "keyward") {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "%s has no effect %s: keyward is off here; write \"keyward on;\" to turn it on",
                      location->first_directive.c_str(), location->place.c_str());
      }
    }
    for (const LocationConfiguration *location : main->touched) {
      warn_of_dear_plans(cf, *main, *location);
    }
    if (main->any_on) {
      warn_of_shared_caches(cf, watch);
      warn_of_early_answers(cf, watch);
      warn_of_early_counting(cf, watch);
      main->derived_variables = find_derived_variables(cf, watch);
    }
    if (!main->query_names.empty()) {
      main->query_variables = find_query_variables(cf, watch);
    }
    const auto same = [](const Problem &a, const Problem &b) { return a.text == b.text; };
    main->problems.erase(std::unique(main->problems.begin(), main->problems.end(), same), main->problems.end());
    const ngx_uint_t level = main->any_on ? NGX_LOG_EMERG : NGX_LOG_WARN;
    bool good = true;
    for (const Problem &problem : main->problems) {
      ngx_log_error(level, cf->log, 0, "%s", problem.text.c_str());
      good = good && !main->any_on;
    }
    return good;
  });
}

}  // namespace keyward
