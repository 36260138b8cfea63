// Removing overrides from admitted requests; a request has to have one for any of this to run.
#include "ngx/request/overrides.hpp"

#include <algorithm>

#include "auth/destination.hpp"
#include "auth/origin.hpp"
#include "ngx/configuration/location_search.hpp"
#include "ngx/nginx/header_list.hpp"
#include "ngx/request/cookie.hpp"
#include "ngx/request/request_start.hpp"

namespace keyward {
namespace {

// Why a Destination may not pass; nullptr: it may.
const char *fault_of(ngx_http_request_t *r, const LocationConfiguration &location, std::string_view value) noexcept {
  DestinationText text;
  if (!split_destination(value, &text)) {
    return "it is neither a path nor a URL with a path";
  }
  if (!text.origin.empty() &&
      (r->headers_in.host == nullptr || !is_own_origin(text.origin, view(r->headers_in.host->value), is_over_tls(r)))) {
    return "it names another host than the request";
  }
  const ngx_str_t path = normalize_target(r, text.target);
  if (path.data == nullptr) {
    return "it is not a URL that nginx accepts";
  }
  if (is_read_in_two_ways(view(path))) {
    return "backends may read its path differently than nginx";
  }
  const LocationConfiguration *target = find_location(r, path);
  if (target == nullptr || target->whole != location.whole) {
    return "it leads to another location";
  }
  return nullptr;
}

// Scopes that are computed from the request may be others for another URL of the same location.
bool has_computed_scope(ngx_http_request_t *r, const LocationConfiguration &location) noexcept {
  return location.scopes && std::any_of(location.scopes->begin(), location.scopes->end(), [&](const ScopeRule &rule) {
           return applies(rule.methods, r->method) && !rule.values.empty();
         });
}

const char *fault_of_destinations(ngx_http_request_t *r, const ServerConfiguration &server,
                                  const LocationConfiguration &location) noexcept {
  const char *fault = has_computed_scope(r, location) ? "this location's scopes are computed for each URL" : nullptr;
  std::size_t count = 0;
  for_each_header(&r->headers_in.headers, [&](ngx_table_elt_t *header) {
    if (server.watched.find(header) != FieldUse::destination) {
      return true;
    }
    fault = ++count > 1 ? "it came more than once" : fault;
    fault = fault != nullptr ? fault : fault_of(r, location, view(header->value));
    return fault == nullptr || count == 1;
  });
  return fault;
}

}  // namespace

bool remove_overrides(RequestContext *ctx, bool by_method) noexcept {
  ngx_http_request_t *r = ctx->r;
  const unsigned notes = notes_of(r);
  if ((notes & (kHasMethodOverride | kHasUrlOverride | kHasDestination)) == 0) {
    return true;
  }
  const ServerConfiguration &server = server_configuration(r);
  const LocationConfiguration &location = *ctx->location;
  bool destination = false;
  if ((notes & kHasDestination) != 0 && !ctx->destination_is_within) {
    const char *fault = fault_of_destinations(r, server, location);
    ctx->destination_is_within = fault == nullptr;
    // Whoever needs no credential hasn't shown that he may write anywhere else.
    const bool told_apart =
        by_method || (location.scopes && !location.scopes->empty()) || ctx->outcome.kind == Kind::anonymous;
    destination = fault != nullptr && told_apart;
    if (destination) {
      // The value isn't logged: a query in it may hold a credential.
      ngx_log_error(NGX_LOG_INFO, r->connection->log, 0, "keyward removed the field Destination: %s", fault);
    }
  }
  return remove_request_headers(r, [&](const ngx_table_elt_t *header) {
    switch (server.watched.find(header)) {
      case FieldUse::method_override:
        return by_method;
      case FieldUse::url_override:
        return true;
      case FieldUse::destination:
        return destination;
      case FieldUse::none:
      case FieldUse::identity:  // ours by now
      case FieldUse::authorization:
      case FieldUse::upgrade:
      case FieldUse::http2_settings:
        break;
    }
    return false;
  });
}

bool remove_method_overrides(ngx_http_request_t *r) noexcept {
  const WatchedFields &watched = server_configuration(r).watched;
  return (notes_of(r) & kHasMethodOverride) == 0 || remove_request_headers(r, [&](const ngx_table_elt_t *header) {
           return watched.find(header) == FieldUse::method_override;
         });
}

}  // namespace keyward
