// Names of limits, answers to each reason, and what a location looks at.
#include "ngx/configuration/derive.hpp"

#include <algorithm>
#include <cstring>

#include "base/digest.hpp"
#include "ngx/configuration/computed_variables.hpp"

namespace keyward {
namespace {

std::shared_ptr<RefusalTexts> default_answers() {
  auto table = std::make_shared<RefusalTexts>();
  for (std::size_t i = 0; i < kReasonCount; ++i) {
    const ReasonInfo &row = info(static_cast<Reason>(i));
    (*table)[i] = {row.status, std::string(row.code), std::string(row.message), std::nullopt};
  }
  return table;
}

// A rule for a code holds for all of its reasons; a rule that names the reason wins, wherever it stands.
std::shared_ptr<const RefusalTexts> answers_with(const std::vector<MessageRule> &rules) {
  const std::shared_ptr<RefusalTexts> table = default_answers();
  const auto apply = [&](const MessageRule &rule, std::size_t i) {
    RefusalText &answer = (*table)[i];
    answer.message = rule.text;
    answer.status = rule.status.value_or(answer.status);
    answer.code = rule.code.value_or(answer.code);
    answer.rpc = rule.rpc ? rule.rpc : answer.rpc;
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

// Of lists of limits of so many at once, so that they don't change what others are known by.
constexpr const char kAtOnce[] = "\nat once";

// Unless it has inherited them.
void derive_answers(LocationConfiguration *block) {
  if (!block->answers) {
    block->answers = block->messages ? answers_with(*block->messages) : default_answers();
  }
}

std::uint64_t identity_of(const std::string &text) noexcept {
  // Not a secret and the same in every process and after every reload, so under a fixed key.
  const Digest digest = keyed_digest(DigestKey{}, text);
  std::uint64_t identity;
  std::memcpy(&identity, digest.data(), sizeof(identity));
  return identity;
}

// An unnamed limit is known by where it is written, never by its rate or its line, so that its counts survive a reload.
void name_after(Reading *reading, std::vector<LimitRule> *limits, std::string_view server, std::string_view location) {
  const bool needed =
      std::any_of(limits->begin(), limits->end(), [](const LimitRule &rule) { return rule.identity == 0; });
  if (!needed) {
    return;
  }
  std::string place = std::string(server) + '\n' + std::string(location);
  std::vector<std::string> &places = reading->limit_places;
  const auto twins = std::count(places.begin(), places.end(), place);
  places.push_back(place);
  std::size_t position = 0;
  for (LimitRule &rule : *limits) {
    // Plan limits count over all locations: the principal is all that names their windows.
    std::string identity = rule.is_plan() ? "plan\n" + rule.name
                           : !rule.name.empty()
                               ? "name\n" + rule.name
                               : "place\n" + place + '\n' + std::to_string(twins) + '\n' + std::to_string(position);
    identity += '\n' + std::to_string(static_cast<int>(rule.by));
    identity += rule.kind == LimitKind::concurrency ? "\nat once" : "";
    rule.identity = identity_of(identity);
    ++position;
  }
}

// A rule's limit is known by where it is written and by what the rule is about.
void name_rule_limits(Reading *reading, std::vector<RpcRule> *rules, std::string_view server,
                      std::string_view location) {
  std::string place = std::string(server) + '\n' + std::string(location) + "\nmessages";
  const auto twins = std::count(reading->limit_places.begin(), reading->limit_places.end(), place);
  for (RpcRule &rule : *rules) {
    if (rule.limit) {
      rule.limit->identity = identity_of(place + '\n' + std::to_string(twins) + '\n' + rule.text);
    }
  }
  reading->limit_places.push_back(std::move(place));
}

bool has_variables(const LocationConfiguration &location) {
  const auto in_rule = [](const ScopeRule &rule) { return !rule.values.empty(); };
  const auto in_limit = [](const LimitRule &rule) { return rule.variable != nullptr; };
  return (location.requirements && !location.requirements->empty()) ||
         (location.scopes && std::any_of(location.scopes->begin(), location.scopes->end(), in_rule)) ||
         (location.limits && std::any_of(location.limits->begin(), location.limits->end(), in_limit)) ||
         (location.concurrency && std::any_of(location.concurrency->begin(), location.concurrency->end(), in_limit));
}

// A set of methods that some rule looks at.
template <typename Rules>
bool names_methods(const std::optional<Rules> &rules) {
  return rules && std::any_of(rules->begin(), rules->end(), [](const auto &rule) { return rule.methods != 0; });
}

void derive_sources(MainConfiguration *main, LocationConfiguration *location) {
  for (const Source &source : *location->sources) {
    if (source.is_field()) {
      location->source_lengths.add(source.name.size());
    }
    location->cookie = source.kind == SourceKind::cookie ? &source : location->cookie;
    location->basic = source.kind == SourceKind::basic ? &source : location->basic;
    main->hides_users = main->hides_users || (source.kind == SourceKind::basic && !source.by_password);
    if (source.kind == SourceKind::query) {
      location->has_query = true;
      auto &names = main->query_names;
      if (std::find(names.begin(), names.end(), source.name) == names.end()) {
        names.push_back(source.name);
      }
    }
  }
}

void derive_mcp(MainConfiguration *main, LocationConfiguration *location) {
  if (!location->mcp || !location->mcp->on) {
    location->mcp_terms = nullptr;
    return;
  }
  main->has_mcp = true;
  main->filters_lists = main->filters_lists || location->mcp->filters_lists;
  if (location->mcp_terms == nullptr) {
    location->mcp_terms =
        std::make_shared<const McpTerms>(*location->mcp, location->rpc_rules.value_or(std::vector<RpcRule>()));
  }
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

// nginx itself keeps its names only while it reads the configuration. ".example.com" and patterns name many.
void find_hosts(const ngx_http_core_srv_conf_t &core, ServerConfiguration *server) {
  const auto *names = static_cast<ngx_http_server_name_t *>(core.server_names.elts);
  for (ngx_uint_t i = 0; i < core.server_names.nelts; ++i) {
    const std::string_view name = view(names[i].name);
    if (!name.empty() && name.front() != '.' && name.find_first_of("*~") == std::string_view::npos) {
      server->hosts.emplace_back(name);
    }
  }
}

// WebSocket is what browsers ask for; whatever else may pass is named.
void admit_upgrades(ServerConfiguration *server) {
  std::vector<std::string> &tokens = *server->upgrades;
  server->passes_h2c = std::find(tokens.begin(), tokens.end(), "h2c") != tokens.end();
  if (std::find(tokens.begin(), tokens.end(), "websocket") == tokens.end()) {
    tokens.insert(tokens.begin(), "websocket");
  }
}

// In every server: nobody knows where a client sends its key by mistake.
void watch_basic(ngx_conf_t *cf) {
  auto *core = static_cast<ngx_http_core_main_conf_t *>(ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
  auto *servers = static_cast<ngx_http_core_srv_conf_t **>(core->servers.elts);
  for (ngx_uint_t i = 0; i < core->servers.nelts; ++i) {
    auto *server = static_cast<ServerConfiguration *>(servers[i]->ctx->srv_conf[ngx_http_keyward_module.ctx_index]);
    server->watched.add("authorization", FieldUse::authorization);
  }
}

// Clients read it before they have a credential.
void open_metadata(const ReadBlock &block, Reading *reading, LocationConfiguration *location) {
  if (!block.enforcement_place.empty() && location->enforcement->mode != Mode::off) {
    reading->problems.push_back("keyward_metadata " + block.metadata_place +
                                " is public by itself; remove \"keyward\" " + block.enforcement_place);
  }
  location->enforcement = Enforcement();
  location->enforcement->written = true;
}

const ngx_http_core_loc_conf_t *core_of(const MergedLocation &merged) noexcept {
  return static_cast<ngx_http_core_loc_conf_t *>(merged.loc_conf[ngx_http_core_module.ctx_index]);
}

}  // namespace

void derive_http(Reading *reading, LocationConfiguration *http) {
  derive_answers(http);
  if (http->limits) {
    name_after(reading, &*http->limits, "http", "");
  }
  if (http->concurrency) {
    name_after(reading, &*http->concurrency, "http", kAtOnce);
  }
  if (http->rpc_rules) {
    name_rule_limits(reading, &*http->rpc_rules, "http", "");
  }
}

void name_limits(Reading *reading, LocationConfiguration *block, const ngx_http_core_loc_conf_t &core,
                 const ngx_http_core_srv_conf_t &core_server) {
  const std::string_view server = view(core_server.server_name);
  const std::string place = std::string(view(core.name)).append(core.noname ? "\nif or limit_except" : "");
  if (block->limits) {
    name_after(reading, &*block->limits, server, place);
  }
  if (block->concurrency) {
    name_after(reading, &*block->concurrency, server, place + kAtOnce);
  }
  if (block->rpc_rules) {
    name_rule_limits(reading, &*block->rpc_rules, server, place);
  }
}

void derive_server(const ngx_http_core_srv_conf_t &core, ServerConfiguration *server) {
  name_identity(server);
  find_hosts(core, server);
  watch_usual_fields(&server->watched);
  admit_upgrades(server);
}

void derive_location(Reading *reading, MainConfiguration *main, ServerConfiguration *server,
                     LocationConfiguration *location, const ngx_http_core_loc_conf_t &core) {
  const ReadBlock &block = reading->block(location);
  if (location->serves_metadata) {
    open_metadata(block, reading, location);
  }
  const bool is_on = location->enforcement->mode != Mode::off;
  location->whole = core.noname && block.parent->whole != nullptr ? block.parent->whole : location;
  derive_answers(location);
  location->acceptances = work_out(main, *location->accept, location->resource.get());
  derive_sources(main, location);
  // limit_except tells methods apart, too.
  location->has_methods = core.limit_except != 0 || core.lmt_excpt || names_methods(location->scopes) ||
                          names_methods(location->accept) || names_methods(location->limits) ||
                          names_methods(location->costs) || (location->mcp && location->mcp->on);
  location->reads_variables = has_variables(*location);
  derive_mcp(main, location);
  location->is_plain = !location->reads_variables && location->mcp_terms == nullptr && location->api == nullptr &&
                       location->verify == nullptr;
  location->tells_limits = location->limit_headers && location->limit_headers->tells_every_limit();
  server->guarded = server->guarded || is_on || !block.first_place.empty();
  main->any_on = main->any_on || is_on;
  if (core.noname && location->enforcement->ends_on() != block.parent->enforcement->ends_on()) {
    block.parent->partly_guarded = true;
  }
  if (!location->identity_keys_place.empty() && server->signer == nullptr) {
    reading->problems.push_back("keyward_identity_keys " + location->identity_keys_place +
                                " has no key to tell: write \"keyward_identity X-Keyward signed=KEYFILE;\" in this "
                                "server or in http");
  }
  const bool has_effect = is_on || location->serves_metadata || !location->identity_keys_place.empty();
  for (LocationConfiguration *around = location; has_effect && around != nullptr;
       around = reading->block(around).parent) {
    around->effective = true;
  }
}

void join_limits(const Reading &reading) {
  for (const MergedLocation &merged : reading.merged) {
    LocationConfiguration &location = *merged.location;
    for (const auto *others : {&location.costs, &location.concurrency}) {
      if (*others && !(*others)->empty()) {
        location.limits = location.limits.value_or(std::vector<LimitRule>());
        location.limits->insert(location.limits->end(), (*others)->begin(), (*others)->end());
      }
    }
  }
}

void derive_apis(const MainConfiguration &main, const Reading &reading) {
  for (const MergedLocation &merged : reading.merged) {
    const auto block = reading.blocks.find(merged.location);
    if (merged.location->api && block != reading.blocks.end() && !core_of(merged)->noname) {
      ApiRules &api = *merged.location->api;
      api.format = api::minted_format(api.shape, main.formats);
      api.shape.limits_writes = block->second.limits_place.empty();
    }
  }
}

void derive_main(ngx_conf_t *cf, const DirectiveWatch &watch, MainConfiguration *main) {
  main->every_issuer = all_issuers(main);
  main->forms = {&main->formats, main->every_issuer, !main->store.empty()};
  std::vector<const jwt::Issuer *> rules;
  for (const auto &issuer : main->issuers) {
    rules.push_back(&issuer->rules);
  }
  for (std::size_t i = 0; i < main->issuers.size(); ++i) {
    main->issuers[i]->shared_subjects = SharedSubjects(rules, i);
  }
  if (main->hides_users) {
    watch_basic(cf);
  }
  if (main->any_on) {
    main->derived_variables = find_derived_variables(cf, watch);
  }
  if (!main->query_names.empty()) {
    main->query_variables = find_query_variables(cf, watch);
  }
}

}  // namespace keyward
