// The header fields that MCP knows, and the state of a message.
#include "ngx/request/message.hpp"

#include <algorithm>

#include "base/ascii.hpp"
#include "ngx/nginx/header_list.hpp"

namespace keyward {
namespace {

constexpr std::string_view kOrigin = "origin";

void see(const ngx_table_elt_t *header, mcp::Field *field) noexcept {
  field->value = field->count++ == 0 ? view(header->value) : field->value;
}

void see_origin(const ngx_table_elt_t *header, FieldSeen *origin) noexcept {
  ++origin->count;
  origin->value = view(header->value);
  origin->well_spelled = origin->well_spelled && equal_caseless(view(header->key), kOrigin);
}

// Whether the name in the Host field stands literally in the configuration. nginx's has small letters and no port.
bool is_host_configured(ngx_http_request_t *r, const LocationConfiguration &location) noexcept {
  const std::vector<std::string> &hosts = server_configuration(r).hosts;
  const std::string_view host = view(r->headers_in.server);
  return std::find(hosts.begin(), hosts.end(), host) != hosts.end() ||
         (location.resource != nullptr && location.resource->host == host);
}

// Most fields are told apart by their lengths.
void read_field(const ngx_table_elt_t *header, MessageState *state) noexcept {
  switch (header->key.len) {
    case 6:
      if (is_same_name(header, kOrigin)) {
        see_origin(header, &state->origin);
      }
      break;
    case 8:
      if (is_same_name(header, "mcp-name")) {
        see(header, &state->fields.name);
      }
      break;
    case 10:
      if (is_same_name(header, "mcp-method")) {
        see(header, &state->fields.method);
      }
      break;
    case 12:
      if (is_same_name(header, "content-type")) {
        see(header, &state->fields.content_type);
      }
      break;
    case 13:
      state->resumes = state->resumes || is_same_name(header, "last-event-id");
      break;
    case 14:
      state->resumes = state->resumes || is_same_name(header, "mcp-session-id");
      break;
    case 16:
      if (is_same_name(header, "content-encoding")) {
        see(header, &state->fields.content_encoding);
      }
      break;
    case 20:
      if (is_same_name(header, "mcp-protocol-version")) {
        see(header, &state->fields.version);
      }
      break;
    case 29:
      if (is_same_name(header, "access-control-request-method")) {
        state->requested_method = view(header->value);
      }
      break;
    case 30:
      if (is_same_name(header, "access-control-request-headers")) {
        state->requested_fields = view(header->value);
      }
      break;
    default:
      break;
  }
}

}  // namespace

MessageState *obtain_message(RequestContext *ctx) noexcept {
  if (ctx->message == nullptr) {
    auto *state = pool_new<MessageState>(ctx->r->pool);
    if (state == nullptr) {
      return nullptr;
    }
    for_each_header(&ctx->r->headers_in.headers, [state](const ngx_table_elt_t *header) {
      read_field(header, state);
      return true;
    });
    ctx->message = state;
  }
  return ctx->message;
}

FieldSeen find_origin(ngx_http_request_t *r) noexcept {
  FieldSeen origin;
  for_each_header(&r->headers_in.headers, [&origin](const ngx_table_elt_t *header) {
    if (is_same_name(header, kOrigin)) {
      see_origin(header, &origin);
    }
    return true;
  });
  return origin;
}

bool is_origin_allowed(ngx_http_request_t *r, const LocationConfiguration &location, const FieldSeen &origin) noexcept {
  const std::string_view host = r->headers_in.host != nullptr ? view(r->headers_in.host->value) : std::string_view();
  return origin.count == 0 ||
         may_call(location.mcp_terms->settings.origins, origin, host, is_host_configured(r, location), is_over_tls(r));
}

bool may_bring_list(const RequestContext *ctx) noexcept {
  if (ctx->message->call.kind != mcp::MessageKind::request) {
    return ctx->r->method == NGX_HTTP_GET;  // on its stream any answer may come
  }
  switch (ctx->message->message.method()) {
    case mcp::Method::tools_list:
    case mcp::Method::prompts_list:
    case mcp::Method::resources_list:
    case mcp::Method::resources_templates_list:
      return true;
    default:
      return false;
  }
}

std::string_view version_of(const MessageState &state) noexcept {
  return state.fields.version.count != 0 ? state.fields.version.value : state.message.version();
}

}  // namespace keyward
