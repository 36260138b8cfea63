// nginx makes its special response for a refusal; here it gets our fields, type and body. So error_page, auth_delay,
// keep-alive and the discarding of request bodies stay nginx's own.
#include "ngx/answer/filters.hpp"

#include "ngx/answer/answer.hpp"
#include "ngx/answer/cors.hpp"
#include "ngx/answer/list_filter.hpp"
#include "ngx/request/body.hpp"
#include "ngx/request/request.hpp"

namespace keyward {
namespace {

ngx_http_output_header_filter_pt next_header_filter;
ngx_http_output_header_filter_pt next_last_header_filter;
ngx_http_output_body_filter_pt next_body_filter;

// The context of a main request's answer; nullptr for what isn't ours. After a redirect that led out of our hands it is
// found again.
RequestContext *answering_context(ngx_http_request_t *r) noexcept {
  if (r != r->main) {
    return nullptr;
  }
  RequestContext *ctx = current_context(r);
  return ctx == nullptr && (r->internal || r->filter_finalize) ? find_context(r) : ctx;
}

// Instead of nginx's page.
void put_refusal(ngx_http_request_t *r, RequestContext *ctx) noexcept {
  const Refusal &refusal = ctx->refused.refusal;
  r->headers_out.content_type = borrow(refusal.content_type);
  r->headers_out.content_type_len = refusal.content_type.size();
  r->headers_out.content_type_lowcase = nullptr;
  r->headers_out.charset.len = 0;
  ctx->answer.shown_status = refusal.shown_status;
  ngx_http_clear_content_length(r);
  if (refusal.is_fields_only) {
    r->header_only = 1;
    // gRPC has no length in such an answer; HTTP/1 wants to be told that nothing follows.
    r->headers_out.content_length_n = r->http_version < NGX_HTTP_VERSION_20 ? 0 : -1;
    return;
  }
  ctx->answer.body_replaced = true;
  r->headers_out.content_length_n = static_cast<off_t>(refusal.body.size());
}

ngx_int_t on_header(ngx_http_request_t *r) noexcept {
  RequestContext *ctx = answering_context(r);
  if (ctx == nullptr) {
    return next_header_filter(r);
  }
  if (!add_answer_fields(ctx)) {
    return NGX_ERROR;
  }
  if (!ctx->refused.refusal.content_type.empty() && is_refusal_page(ctx)) {
    put_refusal(r, ctx);
  }
  return next_header_filter(r);
}

// The last of header filters that look at a status. Those before saw the refusal's: to them a 200 would be a backend's
// answer, which may be kept, cut, added to and compared with what a client has.
ngx_int_t on_last_header(ngx_http_request_t *r) noexcept {
  const RequestContext *ctx = current_context(r);
  if (ctx != nullptr && ctx->answer.shown_status != 0 && r == r->main) {
    r->headers_out.status = ctx->answer.shown_status;
    r->err_status = ctx->answer.shown_status;  // for logs
  }
  return next_last_header_filter(r);
}

ngx_int_t on_body(ngx_http_request_t *r, ngx_chain_t *in) noexcept {
  RequestContext *ctx = r == r->main ? current_context(r) : nullptr;
  if (ctx == nullptr || !ctx->answer.body_replaced || in == nullptr) {
    return next_body_filter(r, in);
  }
  // nginx's page is consumed unread.
  for (ngx_chain_t *link = in; link != nullptr; link = link->next) {
    link->buf->pos = link->buf->last;
    link->buf->file_pos = link->buf->file_last;
  }
  if (ctx->answer.body_sent) {
    return NGX_OK;
  }
  ctx->answer.body_sent = true;
  const ngx_str_t body = copy(r->pool, ctx->refused.refusal.body);
  ngx_buf_t *buf = body.data == nullptr ? nullptr : static_cast<ngx_buf_t *>(ngx_calloc_buf(r->pool));
  if (buf == nullptr) {
    return NGX_ERROR;
  }
  buf->pos = buf->start = body.data;
  buf->last = buf->end = body.data + body.len;
  buf->memory = 1;
  buf->last_buf = 1;
  buf->last_in_chain = 1;
  ngx_chain_t out = {buf, nullptr};
  return next_body_filter(r, &out);
}

}  // namespace

ngx_int_t install_filters(ngx_conf_t *cf) noexcept {
  if (main_configuration(cf)->has_mcp || main_configuration(cf)->has_api) {
    install_body_filter();
  }
  if (main_configuration(cf)->has_mcp) {
    if (main_configuration(cf)->filters_lists) {
      install_list_filter();
    }
    install_cors_filter();
  }
  next_header_filter = ngx_http_top_header_filter;
  ngx_http_top_header_filter = on_header;
  next_body_filter = ngx_http_top_body_filter;
  ngx_http_top_body_filter = on_body;
  return NGX_OK;
}

ngx_int_t install_last_filter(ngx_conf_t * /*cf*/) noexcept {
  next_last_header_filter = ngx_http_top_header_filter;
  ngx_http_top_header_filter = on_last_header;
  return NGX_OK;
}

}  // namespace keyward
