// One pass over the fields that came, at the very start of every request of a guarded server.
#include "ngx/request/request_start.hpp"

#include <algorithm>

#include "ngx/nginx/header_list.hpp"
#include "ngx/request/basic_user.hpp"
#include "ngx/request/query_credential.hpp"

namespace keyward {
namespace {

// No name that a configuration could write, and no look-up by name finds it: what is kept there is ours.
constexpr std::string_view kNotesVariable = "keyward-start";

constexpr unsigned kStarted = 8, kPostRead = 16;

// Where the notes of a request are: the room that nginx has for the value of a variable. Nothing has to be allocated
// for it, an internal redirect leaves it alone, and subrequests share it.
ngx_http_variable_value_t *slot_of(ngx_http_request_t *r) noexcept {
  return &r->variables[main_configuration(r).notes_variable];
}

void note(ngx_http_request_t *r, unsigned notes) noexcept {
  ngx_http_variable_value_t *slot = slot_of(r);
  slot->len = (slot->len | notes) & 0xfffffffU;
}

bool is_admitted_upgrade(ngx_http_request_t *r, const ServerConfiguration &server, const ngx_str_t &value) noexcept {
  // HTTP/2 and later have no such field (RFC 9113, section 8.2.2).
  return r->http_version < NGX_HTTP_VERSION_20 &&
         std::any_of(server.upgrades->begin(), server.upgrades->end(), [&](const std::string &token) {
           return token.size() == value.len && ngx_strncasecmp(borrow(token).data, value.data, value.len) == 0;
         });
}

// Nearly every request has none of them, and then nothing else has to be done about it.
bool has_watched_field(ngx_http_request_t *r, const ServerConfiguration &server) noexcept {
  bool found = false;
  for_each_header(&r->headers_in.headers, [&](const ngx_table_elt_t *header) {
    found = server.watched.find(header) != FieldUse::none;
    return !found;
  });
  return found;
}

// false when memory was refused.
[[gnu::noinline]] bool remove_fields(ngx_http_request_t *r, const ServerConfiguration &server) noexcept {
  unsigned notes = 0;
  std::size_t upgrades = 0;
  bool ready = true;
  const bool removed = remove_request_headers(r, [&](const ngx_table_elt_t *header) {
    switch (server.watched.find(header)) {
      case FieldUse::none:
        return false;
      case FieldUse::identity:
        return true;
      case FieldUse::http2_settings:
        return !server.passes_h2c;
      case FieldUse::upgrade:
        return ++upgrades > 1 || !is_admitted_upgrade(r, server, header->value);
      case FieldUse::method_override:
        notes |= kHasMethodOverride;
        return false;
      case FieldUse::url_override:
        notes |= kHasUrlOverride;
        return false;
      case FieldUse::authorization:
        ready = ready && hide_key_as_user(r);
        return false;
      case FieldUse::destination:
        notes |= kHasDestination;
        return false;
    }
    return false;
  });
  note(r, notes);
  // Two fields are one list: none of it is the one protocol that may pass.
  return removed && ready && (upgrades <= 1 || remove_request_headers(r, [&](const ngx_table_elt_t *header) {
                                return server.watched.find(header) == FieldUse::upgrade;
                              }));
}

// Not inlined: it comes once, and what asks for it comes three times.
[[gnu::noinline]] bool start(ngx_http_request_t *r) noexcept {
  const ServerConfiguration &server = server_configuration(r);
  if (server.guarded && ((has_watched_field(r, server) && !remove_fields(r, server)) || !cut_query_credential(r))) {
    return false;
  }
  note(r, kStarted);
  return true;
}

}  // namespace

unsigned notes_of(ngx_http_request_t *r) noexcept { return slot_of(r)->len; }

bool is_started(ngx_http_request_t *r) noexcept { return (notes_of(r) & kStarted) != 0; }

bool ensure_started(ngx_http_request_t *r) noexcept { return is_started(r) || start(r); }

bool has_come_to_post_read(ngx_http_request_t *r) noexcept { return (notes_of(r) & kPostRead) != 0; }

bool start_at_post_read(ngx_http_request_t *r) noexcept {
  note(r, kPostRead);
  return ensure_started(r);
}

bool prepare_request_start(ngx_conf_t *cf) noexcept {
  ngx_str_t name = copy(cf->pool, kNotesVariable);
  ngx_http_variable_t *variable =
      name.data == nullptr ? nullptr : ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOHASH);
  if (variable == nullptr) {
    return false;
  }
  variable->get_handler = [](ngx_http_request_t *, ngx_http_variable_value_t *value, uintptr_t) noexcept -> ngx_int_t {
    value->not_found = 1;
    return NGX_OK;
  };
  main_configuration(cf)->notes_variable = ngx_http_get_variable_index(cf, &name);
  return main_configuration(cf)->notes_variable != NGX_ERROR;
}

}  // namespace keyward
