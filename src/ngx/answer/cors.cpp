// Fields for pages of allowed origins: also on refusals, as a page that can't read one takes the server for another.
#include "ngx/answer/cors.hpp"

#include <algorithm>

#include "base/ascii.hpp"
#include "ngx/nginx/header_list.hpp"
#include "ngx/request/message.hpp"

namespace keyward {
namespace {

constexpr std::string_view kExposed =
    "WWW-Authenticate, Mcp-Session-Id, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, "
    "RateLimit-Policy, RateLimit";

ngx_http_output_header_filter_pt next_header_filter;

bool add(ngx_http_request_t *r, std::string_view name, std::string_view value) noexcept {
  return add_answer_header(r, name, borrow(value)) != nullptr;
}

// The request's, over redirects; of what nginx answers before the access phase there is none.
const RequestContext *context_of(ngx_http_request_t *r) noexcept {
  const RequestContext *ctx = current_context(r);
  return ctx == nullptr && (r->internal || r->filter_finalize) ? find_context(r) : ctx;
}

// Nobody's that keyward only watches, and nobody's that it doesn't know.
bool may_page_read(ngx_http_request_t *r, const RequestContext *ctx) noexcept {
  if (ctx != nullptr && ctx->message != nullptr) {
    return ctx->message->may_answer_origin && !ctx->outcome.in_shadow;
  }
  const LocationConfiguration &location = location_configuration(r);
  if (location.mcp_terms == nullptr || location.enforcement->at(ngx_time()) != Mode::on) {
    return false;
  }
  const FieldSeen origin = find_origin(r);
  return origin.count != 0 && is_origin_allowed(r, location, origin);
}

// What a browser asks for is repeated, where it is a list of names and nothing else.
bool is_field_list(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alphanumeric(c) || std::string_view("!#$%&'*+-.^_`|~, ").find(c) != std::string_view::npos;
  });
}

bool answer_preflight(ngx_http_request_t *r, const MessageState &state) noexcept {
  return add(r, "Vary", "Access-Control-Request-Method, Access-Control-Request-Headers") &&
         add(r, "Access-Control-Allow-Methods", "POST, GET, DELETE") && add(r, "Access-Control-Max-Age", "600") &&
         (!is_field_list(state.requested_fields) || add(r, "Access-Control-Allow-Headers", state.requested_fields));
}

bool add_fields(ngx_http_request_t *r, const RequestContext *ctx) noexcept {
  for_each_header(&r->headers_out.headers, [](ngx_table_elt_t *header) {
    // Two of them would be none to a browser.
    header->hash = is_same_name(header, "access-control-allow-origin") ? 0 : header->hash;
    return true;
  });
  return add(r, "Access-Control-Allow-Origin", find_origin(r).value) && add(r, "Vary", "Origin") &&
         add(r, "Access-Control-Expose-Headers", kExposed) &&
         (ctx == nullptr || ctx->message == nullptr || !ctx->message->answers_preflight ||
          answer_preflight(r, *ctx->message));
}

// RFC 9110, section 15.5.6: a 405 names what there is.
bool add_allow(ngx_http_request_t *r, const RequestContext *ctx) noexcept {
  if (ctx == nullptr || ctx->message == nullptr || !ctx->refused_for_good() ||
      ctx->outcome.reason != Reason::method_not_allowed) {
    return true;
  }
  return add(r, "Allow",
             ctx->message->call.era == mcp::Era::modern ? "POST, OPTIONS" : "POST, GET, HEAD, DELETE, OPTIONS");
}

ngx_int_t on_header(ngx_http_request_t *r) noexcept {
  if (r == r->main) {
    const RequestContext *ctx = context_of(r);
    if (!add_allow(r, ctx) || (may_page_read(r, ctx) && !add_fields(r, ctx))) {
      return NGX_ERROR;
    }
  }
  return next_header_filter(r);
}

}  // namespace

void install_cors_filter() noexcept {
  next_header_filter = ngx_http_top_header_filter;
  ngx_http_top_header_filter = on_header;
}

}  // namespace keyward
