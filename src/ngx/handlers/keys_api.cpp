// The keys API as a content handler: who was admitted, its body, a thread, and the answer.
#include <utility>

#include "api/api.hpp"
#include "api/body.hpp"
#include "base/networks.hpp"
#include "ngx/access/refuse.hpp"
#include "ngx/configuration/configuration.hpp"
#include "ngx/handlers/admitted.hpp"
#include "ngx/nginx/header_list.hpp"
#include "ngx/request/request.hpp"
#include "ngx/worker/worker.hpp"

namespace keyward {
namespace {

constexpr const char *kNoMemory = "out of memory";
constexpr ngx_int_t kMethodNotAllowed = 405;

// Of one request, from its body to its answer; in the filter module's place for a context, which has no other use.
struct ApiRequest {
  api::Reply reply;
  bool is_done = false;
};

ApiRequest *api_request(ngx_http_request_t *r) noexcept {
  return static_cast<ApiRequest *>(ngx_http_get_module_ctx(r, ngx_http_keyward_filter_module));
}

ngx_int_t refuse_call(RequestContext *ctx, Reason reason, const RefusalDetail &detail) noexcept {
  return refuse_there(ctx, reason, errors_of_calls(*ctx->location), detail);
}

bool add_field(ngx_http_request_t *r, std::string_view name, std::string_view value) noexcept {
  const ngx_str_t copied = copy(r->pool, value);
  return copied.data != nullptr && add_answer_header(r, name, copied) != nullptr;
}

bool add_fields(ngx_http_request_t *r, const api::Reply &reply) noexcept {
  bool added = forbid_storing(r);
  for (const auto &[name, value] : reply.fields) {
    added = added && add_field(r, name, value);
  }
  return added;
}

// In the request's pool, and wiped with it: it may be a key.
ngx_buf_t *body_of(ngx_http_request_t *r, const std::string &text) noexcept {
  const ngx_str_t body = copy(r->pool, text);
  ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(r->pool, sizeof(ngx_str_t));
  auto *buf = static_cast<ngx_buf_t *>(ngx_calloc_buf(r->pool));
  if (body.data == nullptr || cleanup == nullptr || buf == nullptr) {
    return nullptr;
  }
  *static_cast<ngx_str_t *>(cleanup->data) = body;
  cleanup->handler = [](void *data) noexcept {
    const auto *whole = static_cast<ngx_str_t *>(data);
    wipe(whole->data, whole->len);
  };
  buf->pos = buf->start = body.data;
  buf->last = buf->end = body.data + body.len;
  buf->memory = 1;
  buf->last_buf = 1;
  buf->last_in_chain = 1;
  return buf;
}

ngx_int_t send_reply(ngx_http_request_t *r, const api::Reply &reply) noexcept {
  // What was changed has been committed: If-Match was about the record as it was before.
  r->disable_not_modified = 1;
  if (!add_fields(r, reply)) {
    return internal_error(r, kNoMemory);
  }
  r->headers_out.status = reply.status;
  if (reply.body.empty()) {
    r->header_only = 1;
    return ngx_http_send_header(r);
  }
  ngx_buf_t *buf = body_of(r, reply.body);
  if (buf == nullptr) {
    return internal_error(r, kNoMemory);
  }
  r->headers_out.content_length_n = buf->last - buf->pos;
  r->headers_out.content_type = borrow("application/json");
  r->headers_out.content_type_len = r->headers_out.content_type.len;
  const ngx_int_t rc = ngx_http_send_header(r);
  if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
    return rc;
  }
  ngx_chain_t out = {buf, nullptr};
  return ngx_http_output_filter(r, &out);
}

// 405 says which methods there are (RFC 9110, section 15.5.6).
ngx_int_t refuse_method(RequestContext *ctx, const api::Reply &reply) noexcept {
  const ngx_int_t status = refuse_call(ctx, Reason::method_not_allowed, {});
  return guarded(status, [&] {
    for (const auto &[name, value] : reply.fields) {
      ctx->refused.refusal.fields.push_back({name, "allow", value});
    }
    return status;
  });
}

// The write handler while a thread works, and when it has.
void on_answer(ngx_http_request_t *r) noexcept {
  RequestContext *ctx = current_context(r);
  ApiRequest *call = api_request(r);
  if (ctx->waiting) {
    return;
  }
  r->write_event_handler = ngx_http_request_empty_handler;
  if (!call->is_done) {
    ctx->outcome.retry_after_s = 1;
    ngx_http_finalize_request(r, refuse_call(ctx, Reason::busy, {}));
    return;
  }
  const api::Reply &reply = call->reply;
  if (reply.reason != Reason::none) {
    ctx->outcome.retry_after_s = reply.retry_after_s;
    ngx_http_finalize_request(r, refuse_call(ctx, reply.reason, {reply.detail, reply.id}));
    return;
  }
  ngx_http_finalize_request(r, reply.status == kMethodNotAllowed ? refuse_method(ctx, reply) : send_reply(r, reply));
}

std::string_view field_of(ngx_http_request_t *r, std::string_view lowcase) noexcept {
  std::string_view value;
  for_each_header(&r->headers_in.headers, [&](ngx_table_elt_t *header) {
    const bool found =
        header->key.len == lowcase.size() && header->lowcase_key != nullptr &&
        std::string_view(reinterpret_cast<const char *>(header->lowcase_key), header->key.len) == lowcase;
    value = found ? view(header->value) : value;
    return !found;
  });
  return value;
}

// false: it doesn't lie in memory, so it is longer than any that is read.
bool take_body(ngx_http_request_t *r, std::string *body) {
  if (r->request_body == nullptr) {
    return true;
  }
  if (r->request_body->temp_file != nullptr) {
    return false;
  }
  for (const ngx_chain_t *link = r->request_body->bufs; link != nullptr; link = link->next) {
    body->append(reinterpret_cast<const char *>(link->buf->pos),
                 static_cast<std::size_t>(link->buf->last - link->buf->pos));
  }
  return body->size() <= api::kMaxBody;
}

api::Call call_of(ngx_http_request_t *r, const RequestContext *ctx, const ApiRules &rules) {
  api::Call call;
  call.method = view(r->method_name);
  call.place = rules.place;
  call.path = path_below(rules, view(r->uri));
  call.query = view(r->args);
  call.content_type = field_of(r, "content-type");
  call.if_match = field_of(r, "if-match");
  call.idempotency_key = field_of(r, "idempotency-key");
  call.who = ctx->outcome.principal;
  if (const VerifiedToken *token = ctx->outcome.token.get(); token != nullptr && ctx->outcome.issuer != nullptr) {
    call.token = {ctx->outcome.issuer->name,  token->identity.subject,  token->identity.jti,
                  token->times.has_issued_at, token->times.issued_at_s, ctx->outcome.issuer->leeway_s};
  }
  call.address = view(r->connection->addr_text);
  call.now_s = ngx_time();
  call.now_ms = ngx_current_msec;
  return call;
}

std::vector<ConfiguredLimit> own_limits_of(const LocationConfiguration &location) {
  std::vector<ConfiguredLimit> own;
  for (const LimitRule &rule : location.limits.value_or(std::vector<LimitRule>())) {
    if (rule.kind == LimitKind::plan && (rule.by == CountBy::key || rule.by == CountBy::subject)) {
      own.push_back(rule);
    }
  }
  return own;
}

void keep_reply(RequestContext *ctx, api::Reply &&reply) noexcept {
  ApiRequest *call = api_request(ctx->r);
  call->reply = std::move(reply);
  call->is_done = true;
}

// What is still open of a request whose body was read.
ngx_int_t begin_call(ngx_http_request_t *r) {
  RequestContext *ctx = current_context(r);
  Worker *own = worker();
  const std::shared_ptr<const ApiRules> rules = ctx->location->api;
  // Without worker processes a connection may outlive its configuration.
  if (own == nullptr || own->writer() == nullptr || &main_configuration(r) != &own->configuration) {
    ctx->outcome.retry_after_s = 1;
    return refuse_call(ctx, Reason::store_error, {});
  }
  auto call = std::make_shared<api::Call>(call_of(r, ctx, *rules));
  if (!take_body(r, &call->body)) {
    return refuse_call(ctx, Reason::body_too_large, {"at most 16 KiB", {}});
  }
  auto *request = pool_new<ApiRequest>(r->pool);
  if (request == nullptr) {
    return internal_error(r, kNoMemory);
  }
  ngx_http_set_ctx(r, request, ngx_http_keyward_filter_module);
  auto service = std::make_shared<api::Service>(api::Service{
      own->configuration.policy, *own->writer(), [own](const Digest &name) { return own->find_usage(name); }, own->zone,
      own->bcrypt_concurrency, [own] { return own->closing.load(); }, own_limits_of(*ctx->location)});
  r->write_event_handler = on_answer;
  const api::Route route = api::find_route(call->method, call->path, rules->shape.is_admin);
  const bool started = own->api_runs.start(
      ctx, api::lane_of(route.operation), call->who->subject_name,
      [service, rules, call] { return api::serve(*service, rules->shape, *rules->format, *call); }, keep_reply);
  if (!started) {
    ctx->outcome.retry_after_s = 1;
    return refuse_call(ctx, Reason::busy, {});
  }
  return NGX_DONE;
}

void on_body(ngx_http_request_t *r) noexcept {
  const ngx_int_t rc = guarded(static_cast<ngx_int_t>(NGX_ERROR), [&] { return begin_call(r); });
  if (rc != NGX_DONE) {
    ngx_http_finalize_request(r, rc == NGX_ERROR ? internal_error(r, kNoMemory) : rc);
  }
}

}  // namespace

ngx_int_t on_keys_api(ngx_http_request_t *r) noexcept {
  ngx_int_t status = NGX_HTTP_INTERNAL_SERVER_ERROR;
  RequestContext *ctx = find_admitted(r, Admitted::known, &status);
  if (ctx == nullptr) {
    return status;
  }
  if (r->headers_in.content_length_n > static_cast<off_t>(api::kMaxBody)) {
    return refuse_call(ctx, Reason::body_too_large, {"at most 16 KiB", {}});
  }
  r->request_body_in_single_buf = 1;
  const ngx_int_t rc = ngx_http_read_client_request_body(r, on_body);
  if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
    return rc == NGX_HTTP_REQUEST_ENTITY_TOO_LARGE ? refuse_call(ctx, Reason::body_too_large, {"at most 16 KiB", {}})
                                                   : rc;
  }
  return NGX_DONE;
}

}  // namespace keyward
