// Variables are computed from the request's context at each reading: empty before the access phase, never stale after a
// redirect.
#include "ngx/answer/variables.hpp"

#include "base/digits.hpp"
#include "base/percent_text.hpp"
#include "ngx/access/early_read.hpp"
#include "ngx/answer/answer.hpp"
#include "ngx/request/basic_user.hpp"
#include "ngx/request/message.hpp"
#include "ngx/request/paid.hpp"
#include "ngx/request/request.hpp"

namespace keyward {
namespace {

enum class Variable : std::uintptr_t {
  decision,
  reason,
  kind,
  key_id,
  subject,
  plan,
  scopes,
  issuer,
  limit,
  remaining,
  reset,
  credits,
  mcp_method,
  mcp_tool,
  mcp_version
};

struct Definition {
  const char *name;
  Variable variable;
};
// In the order of Variable.
constexpr Definition kVariables[] = {
    {"keyward_decision", Variable::decision},
    {"keyward_reason", Variable::reason},
    {"keyward_kind", Variable::kind},
    {"keyward_key_id", Variable::key_id},
    {"keyward_subject", Variable::subject},
    {"keyward_plan", Variable::plan},
    {"keyward_scopes", Variable::scopes},
    {"keyward_issuer", Variable::issuer},
    {"keyward_limit", Variable::limit},
    {"keyward_remaining", Variable::remaining},
    {"keyward_reset", Variable::reset},
    {"keyward_credits", Variable::credits},
    {"keyward_mcp_method", Variable::mcp_method},
    {"keyward_mcp_tool", Variable::mcp_tool},
    {"keyward_mcp_version", Variable::mcp_version},
};

constexpr std::string_view kClaim = "keyward_claim_";

// Whose decision speaks for the request where it is now: that of this location, or, while an error page answers for it,
// our refusal. Of a subrequest: its main request's.
const RequestContext *speaking_context(ngx_http_request_t *r) noexcept {
  if (const RequestContext *ctx = current_context(r->main)) {
    // While its rules are looked at nothing is decided yet, but they may ask: by=$keyward_plan. While it waits there is
    // nothing to say.
    return ctx->outcome.decision == Decision::none && !ctx->outcome.deciding ? nullptr : ctx;
  }
  const RequestContext *earlier = r->main->internal ? find_context(r->main) : nullptr;
  return earlier != nullptr && earlier->refused_for_good() ? earlier : nullptr;
}

ngx_int_t empty(ngx_http_variable_value_t *value) noexcept {
  value->not_found = 1;
  return NGX_OK;
}

ngx_int_t give(ngx_http_request_t *r, ngx_http_variable_value_t *value, std::string_view text) noexcept {
  if (text.empty()) {
    return empty(value);
  }
  const ngx_str_t copied = copy(r->pool, text);
  if (copied.data == nullptr) {
    return NGX_ERROR;
  }
  value->data = copied.data;
  value->len = static_cast<unsigned>(copied.len) & 0xfffffffU;
  value->valid = 1;
  value->no_cacheable = 1;
  value->not_found = 0;
  return NGX_OK;
}

ngx_int_t give(ngx_http_request_t *r, ngx_http_variable_value_t *value, std::uint64_t number) noexcept {
  char digits[kMaxDigits];
  char *end = digits + sizeof(digits);
  const char *begin = write_digits_before(end, number);
  return give(r, value, {begin, static_cast<std::size_t>(end - begin)});
}

// Clients choose it, and configurations put it into fields: control characters are percent-encoded.
ngx_int_t give_of_others(ngx_http_request_t *r, ngx_http_variable_value_t *value, std::string_view text) noexcept {
  if (!needs_percent(text)) {
    return give(r, value, text);
  }
  return guarded(static_cast<ngx_int_t>(NGX_ERROR), [&] {
    std::string encoded;
    append_percent(text, false, &encoded);
    return give(r, value, encoded);
  });
}

ngx_int_t give_of_message(ngx_http_request_t *r, ngx_http_variable_value_t *value, Variable variable,
                          const MessageState &state) noexcept {
  switch (variable) {
    case Variable::mcp_method:
      return give_of_others(r, value, state.call.method);
    case Variable::mcp_tool:
      return state.message.method() == mcp::Method::tools_call ? give_of_others(r, value, state.call.name)
                                                               : empty(value);
    default:
      return give_of_others(r, value, version_of(state));
  }
}

ngx_int_t get_variable(ngx_http_request_t *r, ngx_http_variable_value_t *value, uintptr_t data) noexcept {
  const auto variable = static_cast<Variable>(data);
  const RequestContext *ctx = speaking_context(r);
  if (ctx == nullptr) {
    note_early_read(r, kVariables[data].name);
    const bool off =
        variable == Variable::decision && location_configuration(r->main).enforcement->at(ngx_time()) == Mode::off;
    return off ? give(r, value, to_text(Decision::off)) : empty(value);
  }
  const Principal *named = ctx->outcome.named();
  switch (variable) {
    case Variable::decision:
      return give(r, value, to_text(ctx->outcome.decision));
    case Variable::reason:
      return give(r, value, info(ctx->outcome.reason).name);
    case Variable::kind:
      return give(r, value, to_text(ctx->outcome.kind));
    case Variable::limit:
      return ctx->outcome.limit.known ? give(r, value, std::uint64_t{ctx->outcome.limit.state.limit}) : empty(value);
    case Variable::remaining:
      return ctx->outcome.limit.known ? give(r, value, std::uint64_t{ctx->outcome.limit.state.remaining})
                                      : empty(value);
    case Variable::reset:
      return ctx->outcome.limit.known ? give(r, value, reset_at_s(ctx->outcome.limit)) : empty(value);
    case Variable::credits: {
      const PaidCredits *paid =
          ctx->outcome.knows_credits && ctx->outcome.principal ? find_paid_credits(r->main) : nullptr;
      return paid != nullptr ? give(r, value, paid->left()) : empty(value);
    }
    case Variable::key_id:  // for logs: also of a key that was refused
      return give(r, value, ctx->outcome.recognised_key_id());
    case Variable::subject:
      return named != nullptr ? give(r, value, named->subject) : empty(value);
    case Variable::plan:
      return named != nullptr ? give(r, value, named->plan) : empty(value);
    case Variable::scopes:
      return named != nullptr ? give(r, value, named->grants.text()) : empty(value);
    case Variable::issuer:
      return named != nullptr ? give(r, value, named->issuer) : empty(value);
    case Variable::mcp_method:
    case Variable::mcp_tool:
    case Variable::mcp_version:
      return ctx->message != nullptr ? give_of_message(r, value, variable, *ctx->message) : empty(value);
  }
  return empty(value);
}

// $keyward_claim_NAME: data is the whole name.
ngx_int_t get_claim(ngx_http_request_t *r, ngx_http_variable_value_t *value, uintptr_t data) noexcept {
  const std::string_view name = view(*reinterpret_cast<const ngx_str_t *>(data));
  const RequestContext *ctx = speaking_context(r);
  if (ctx == nullptr) {
    note_early_read(r, name);
  }
  // A token whose bearer isn't named has nothing to say.
  return ctx != nullptr && ctx->outcome.named() != nullptr && ctx->outcome.token
             ? give(r, value, ctx->outcome.token->claims.find(name.substr(kClaim.size())))
             : empty(value);
}

// A variable of keyward_claim: data is its place.
ngx_int_t get_named_claim(ngx_http_request_t *r, ngx_http_variable_value_t *value, uintptr_t data) noexcept {
  const RequestContext *ctx = speaking_context(r);
  if (ctx == nullptr) {
    note_early_read(r, main_configuration(r).claim_variables[data].name);
  }
  return ctx != nullptr && ctx->outcome.named() != nullptr && ctx->outcome.token
             ? give(r, value, ctx->outcome.token->claims.at(data))
             : empty(value);
}

ngx_http_get_variable_pt basic_remote_user;

ngx_int_t get_remote_user(ngx_http_request_t *r, ngx_http_variable_value_t *value, uintptr_t data) noexcept {
  // Of a request that nginx refused while it read it nobody has looked at the fields.
  if (main_configuration(r).hides_users && !hide_key_as_user(r->main)) {
    return NGX_ERROR;
  }
  const RequestContext *waiting = current_context(r->main);
  const RequestContext *ctx = waiting != nullptr ? waiting : speaking_context(r);
  if (ctx == nullptr) {
    const LocationConfiguration &location = location_configuration(r->main);
    const bool is_credential = location.basic != nullptr && location.enforcement->at(ngx_time()) != Mode::off;
    return is_credential ? empty(value) : basic_remote_user(r, value, data);
  }
  // Where keyward decides, a name that came by Basic is what a client says of itself. Else it is as without keyward.
  const bool shadow_refused = ctx->outcome.decision == Decision::shadow && ctx->outcome.reason != Reason::none;
  if ((shadow_refused && ctx->location->basic == nullptr) || ctx->refused.passed_otherwise) {
    return basic_remote_user(r, value, data);
  }
  const Principal *named = ctx->outcome.named();
  return named != nullptr ? give(r, value, named->subject) : empty(value);
}

}  // namespace

ngx_int_t add_variables(ngx_conf_t *cf) noexcept {
  for (const Definition &definition : kVariables) {
    ngx_str_t name = copy(cf->pool, definition.name);
    ngx_http_variable_t *variable =
        name.data == nullptr ? nullptr : ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
    if (variable == nullptr) {
      return NGX_ERROR;
    }
    variable->get_handler = get_variable;
    variable->data = static_cast<uintptr_t>(definition.variable);
  }
  ngx_str_t prefix = copy(cf->pool, kClaim);
  ngx_http_variable_t *claim = prefix.data == nullptr
                                   ? nullptr
                                   : ngx_http_add_variable(cf, &prefix, NGX_HTTP_VAR_NOCACHEABLE | NGX_HTTP_VAR_PREFIX);
  if (claim == nullptr) {
    return NGX_ERROR;
  }
  claim->get_handler = get_claim;
  return NGX_OK;
}

void serve_claim_variables(ngx_conf_t *cf) noexcept {
  const std::vector<ClaimVariable> &claims = main_configuration(cf)->claim_variables;
  for (std::size_t i = 0; i < claims.size(); ++i) {
    claims[i].variable->get_handler = get_named_claim;
    claims[i].variable->data = i;
  }
}

void take_remote_user(ngx_conf_t *cf) noexcept {
  auto *core = static_cast<ngx_http_core_main_conf_t *>(ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
  auto *keys = static_cast<ngx_hash_key_t *>(core->variables_keys->keys.elts);
  for (ngx_uint_t i = 0; i < core->variables_keys->keys.nelts; ++i) {
    if (view(keys[i].key) == "remote_user") {
      auto *variable = static_cast<ngx_http_variable_t *>(keys[i].value);
      if (variable->get_handler != get_remote_user) {
        basic_remote_user = variable->get_handler;
        variable->get_handler = get_remote_user;
        // nginx would keep the first value it read, from before the decision.
        variable->flags |= NGX_HTTP_VAR_NOCACHEABLE;
      }
    }
  }
}

}  // namespace keyward
