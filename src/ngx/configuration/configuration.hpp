// What nginx.conf says about keyward. Written while the configuration is read, const at request time.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "answer/refusal.hpp"
#include "answer/resource.hpp"
#include "api/shape.hpp"
#include "auth/principal.hpp"
#include "auth/reason.hpp"
#include "base/rate.hpp"
#include "decide/credential.hpp"
#include "decide/demand.hpp"
#include "jwt/identity_token.hpp"
#include "key/key_formats.hpp"
#include "limit/zone.hpp"
#include "ngx/configuration/acceptance.hpp"
#include "ngx/configuration/issuers.hpp"
#include "ngx/configuration/key_zones.hpp"
#include "ngx/configuration/mcp_terms.hpp"
#include "ngx/configuration/watched_fields.hpp"
#include "ngx/nginx/ngx.hpp"

namespace keyward {

enum class Mode : std::uint8_t { off, on, shadow };

// keyward on|off|shadow [until=DATE]
struct Enforcement {
  Mode mode = Mode::off;
  std::int64_t until_s = 0;  // shadow only; 0: without end
  bool written = false;      // there or around it; else it is the default

  bool ends_on() const noexcept { return mode == Mode::on || until_s != 0; }
  Mode at(std::int64_t now_s) const noexcept {
    return mode == Mode::shadow && until_s != 0 && now_s >= until_s ? Mode::on : mode;
  }
};

// One keyward_scope. Texts are in the cycle's pool.
struct ScopeRule {
  Methods methods = 0;
  bool any = false;  // match=any
  std::vector<std::string_view> scopes;
  // For those with variables, which are computed for each request; nullptr: the text is it. Empty where none has any.
  std::vector<ngx_http_complex_value_t *> values;
};

// One keyward_limit; its identity is set once its place is known.
struct LimitRule : ConfiguredLimit {
  bool is_plan() const noexcept {
    return kind == LimitKind::plan || (kind == LimitKind::concurrency && rate.count == 0);
  }

  Methods methods = 0;
  ngx_http_complex_value_t *variable = nullptr;  // by=$variable; in the cycle's pool
};

// One keyward_require. Its values are in the cycle's pool.
struct RequireRule {
  std::vector<ngx_http_complex_value_t *> values;
  Reason reason = Reason::requirement_failed;
};

// One keyward_claim; its claim is at the same place in Policy::claims.
struct ClaimVariable {
  std::string name;
  ngx_http_variable_t *variable;  // nginx's
};

enum class LimitHeaders : std::uint8_t { x, ietf, both, off };
struct LimitHeaderStyle {
  bool tells_every_limit() const noexcept { return names == LimitHeaders::ietf || names == LimitHeaders::both; }

  LimitHeaders names = LimitHeaders::x;
  bool reset_is_delta = false;
};

// keyward_errors
struct ErrorRule : ErrorStyle {
  bool written = false;                          // there or around it; else it is the default
  ngx_http_complex_value_t *variable = nullptr;  // names the format; in the cycle's pool; nullptr: format is it
};

// What a keyward_metadata location serves, by the path of a request.
struct MetadataDocument {
  std::string path, body;
};

struct MessageRule {
  std::vector<Reason> reasons;  // named one by one
  std::vector<std::string> codes;
  std::string text;
  std::optional<std::uint16_t> status;
  std::optional<std::string> code;
  std::optional<std::int32_t> rpc;
};

// Which lengths some names have, so that most others are told apart at a glance.
class NameLengths {
 public:
  void add(std::size_t length) noexcept { bits_ |= std::uint64_t{1} << (length & 63); }
  bool has(std::size_t length) const noexcept { return (bits_ >> (length & 63) & 1) != 0; }  // or one that is 64 apart

 private:
  std::uint64_t bits_ = 0;
};

// keyward_api
struct ApiRules {
  api::Shape shape;
  const KeyFormat *format = nullptr;  // of its keys; once all is read
  std::string place;                  // the location's name, without a slash at its end
  std::string written_at;
};
// What stands behind the location's name in the path of a request there.
inline std::string_view path_below(const ApiRules &api, std::string_view uri) noexcept {
  return uri.substr(std::min(api.place.size(), uri.size()));
}

// keyward_verify. Its values are in the cycle's pool; nullptr: the request's own.
struct VerifyRules {
  ngx_http_complex_value_t *method = nullptr, *address = nullptr;
  std::string written_at;
};

struct LocationConfiguration {
  std::optional<Enforcement> enforcement;
  std::optional<std::vector<Source>> sources;
  std::optional<std::vector<AcceptRule>> accept;
  std::optional<std::vector<ScopeRule>> scopes;
  std::optional<std::vector<RequireRule>> requirements;
  // Once all is read, those of `costs` and `concurrency` stand behind those that keyward_limit says.
  std::optional<std::vector<LimitRule>> limits;
  std::optional<std::vector<LimitRule>> costs;  // of credits
  std::optional<std::vector<LimitRule>> concurrency;
  std::optional<LimitHeaderStyle> limit_headers;
  std::optional<ErrorRule> errors;
  std::optional<std::vector<MessageRule>> messages;
  std::optional<std::string> realm;
  std::shared_ptr<const ProtectedResource> resource;  // nullptr: none is named
  std::optional<std::vector<std::string>> authorization_servers;
  bool serves_metadata = false;     // keyward_metadata: public by itself
  std::string identity_keys_place;  // where keyward_identity_keys stands; empty: there is none
  std::optional<bool> forward_credential;
  std::optional<std::size_t> max_credential;  // bytes; always there once merged
  std::optional<McpSettings> mcp;
  std::optional<std::vector<RpcRule>> rpc_rules;
  // Of this very location; nullptr: there is none.
  std::shared_ptr<ApiRules> api;
  std::shared_ptr<VerifyRules> verify;

  // Derived when the locations are merged.
  std::vector<Acceptance> acceptances;  // never empty
  std::shared_ptr<const RefusalTexts> answers;
  NameLengths source_lengths;                      // of the fields that `sources` name
  const Source *cookie = nullptr;                  // of `sources`
  const Source *basic = nullptr;                   // likewise
  bool has_query = false;                          // the server cuts a credential out of the query
  bool has_methods = false;                        // a rule looks at the method: overrides of it are removed
  bool reads_variables = false;                    // a rule that decides has a variable in it
  bool is_plain = true;                            // none of that, of `mcp_terms` and `api`
  bool tells_limits = false;                       // answers tell of every limit
  std::vector<MetadataDocument> metadata;          // of keyward_metadata; once all is read
  const MetadataDocument *own_metadata = nullptr;  // for any other path; nullptr: there is none
  bool partly_guarded = false;  // limit_except or an `if` in here makes keyward on for some requests only

  std::shared_ptr<const McpTerms> mcp_terms;  // nullptr: no MCP location

  // Of an `if` or limit_except: the location that it is in; else this one.
  const LocationConfiguration *whole = nullptr;
  bool effective = false;  // keyward is on or in shadow here, or somewhere inside, or metadata is served
};

enum IdentityField : std::size_t { kSubject, kKeyId, kPlan, kScopes, kKind, kIssuer, kAssertion, kIdentityFields };
struct IdentityName {
  std::string name, lowcase;
  ngx_table_elt_t field = {};  // as it goes into a request, but for its value
};
struct ServerConfiguration {
  std::optional<std::string> identity_prefix;         // empty: off
  std::shared_ptr<const jwt::IdentitySigner> signer;  // signed=; nullptr: identity isn't signed
  bool guarded = false;                               // keyward is configured somewhere in this server
  // The fields that tell the backend who it is; also those that clients may not send.
  std::array<IdentityName, kIdentityFields> identity;
  bool identity_on = true;
  std::vector<std::string> hosts;                    // that stand literally in server_name, in small letters
  std::optional<std::vector<std::string>> upgrades;  // protocols that a client may ask for, in lower case
  bool passes_h2c = false;                           // one of them is h2c
  WatchedFields watched;
};

struct Reading;

struct MainConfiguration {
  MainConfiguration();
  ~MainConfiguration();
  MainConfiguration(const MainConfiguration &) = delete;
  MainConfiguration &operator=(const MainConfiguration &) = delete;

  std::string store;                // absolute; empty: none
  std::string store_place;          // of keyward_store, which is looked into after all else
  std::size_t usage_map_bytes = 0;  // 0: the default
  std::size_t zone_bytes = 0;       // 0: the default; never 0 once read
  KeyFormats formats;               // empty: the default; never empty once read
  Policy policy;
  std::vector<ClaimVariable> claim_variables;
  std::vector<std::unique_ptr<IssuerConfiguration>> issuers;  // in the order in which they were written
  std::vector<FetchedIssuer> fetched;                         // those whose keys are fetched; once all is read
  std::vector<std::unique_ptr<const IssuerList>> issuer_lists;
  const IssuerList *every_issuer = nullptr;  // set once all are known
  Forms forms;                               // likewise; of the formats and issuers above
  std::size_t bcrypt_concurrency = 0;        // 0: the default; never 0 once read

  std::vector<std::string> query_names;  // of arguments that are a credential in some server
  // The indexes of variables that hold the query, where there are such names (computed_variables.hpp).
  std::vector<ngx_uint_t> query_variables;
  std::vector<ngx_uint_t> identity_variables;  // the indexes of $http_... of identity fields
  std::vector<ngx_uint_t> derived_variables;   // to be read anew where another may ask (computed_variables.hpp)
  ngx_int_t notes_variable = NGX_ERROR;        // see request_start.cpp
  bool hides_users = false;                    // some location takes a user's name of Basic for a credential
  bool has_concurrency = false;                // some keyward_concurrency is there
  bool has_costs = false;                      // some keyward_cost is there
  bool has_mcp = false;                        // keyward_mcp is on somewhere
  bool filters_lists = false;                  // with lists=filter
  bool has_repeat = false;                     // some limit counts by=repeat
  bool any_on = false;                         // some location is on or in shadow
  bool has_api = false;                        // workers change the store
  bool configured = false;                     // any directive of ours at all

  std::unique_ptr<Reading> reading;  // while nginx reads it (reading.hpp)

  const ngx_cycle_t *cycle = nullptr;  // the one this configuration is for
  ngx_shm_zone_t *shm_zone = nullptr;
  Zone zone;                                // valid once the zone is set up
  ConcurrencyTable *concurrency = nullptr;  // of its own zone; nullptr: there is none
  CreditTable *credits = nullptr;           // likewise
  CreditTable *replaced_credits = nullptr;  // as `replaced`
  std::optional<Zone> replaced;             // the old cycle's, of another size; until this cycle is in force
};

MainConfiguration *main_configuration(ngx_conf_t *cf) noexcept;
ServerConfiguration *server_configuration(ngx_conf_t *cf) noexcept;
LocationConfiguration *location_configuration(ngx_conf_t *cf) noexcept;
const MainConfiguration &main_configuration(ngx_http_request_t *r) noexcept;
const ServerConfiguration &server_configuration(ngx_http_request_t *r) noexcept;
const LocationConfiguration &location_configuration(ngx_http_request_t *r) noexcept;
// Of the request's server outside its locations.
const LocationConfiguration &server_location(ngx_http_request_t *r) noexcept;
// The running cycle's, or nullptr if it has no http block.
MainConfiguration *main_configuration(ngx_cycle_t *cycle) noexcept;

// nginx's callbacks for creating and merging (module.cpp lists them).
void *create_main(ngx_conf_t *cf) noexcept;
char *init_main(ngx_conf_t *cf, void *conf) noexcept;
void *create_server(ngx_conf_t *cf) noexcept;
char *merge_server(ngx_conf_t *cf, void *parent, void *child) noexcept;
void *create_location(ngx_conf_t *cf) noexcept;
char *merge_location(ngx_conf_t *cf, void *parent, void *child) noexcept;

// Once all is read: works out what follows, and judges it. false after having logged an error.
bool finish_configuration(ngx_conf_t *cf, Reading *reading) noexcept;

// Answers a request to the keys API (handlers/keys_api.cpp).
ngx_int_t on_keys_api(ngx_http_request_t *r) noexcept;
// Answers other proxies (handlers/verify.cpp).
ngx_int_t on_verify(ngx_http_request_t *r) noexcept;
ngx_int_t on_identity_keys(ngx_http_request_t *r) noexcept;  // answer/identity_keys.cpp

// All directives (directives.cpp), ended by ngx_null_command.
extern ngx_command_t directives[];

}  // namespace keyward
