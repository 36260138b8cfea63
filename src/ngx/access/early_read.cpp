// Whether keyward is still to decide about a request, and a word about that in the log.
#include "ngx/access/early_read.hpp"

#include "ngx/access/access.hpp"
#include "ngx/request/request.hpp"
#include "ngx/worker/worker.hpp"

namespace keyward {
namespace {

const ngx_http_phase_engine_t &phases_of(ngx_http_request_t *r) noexcept {
  return static_cast<ngx_http_core_main_conf_t *>(ngx_http_get_module_main_conf(r, ngx_http_core_module))->phase_engine;
}

// `satisfy any` may have passed over our handler: what is read then isn't early.
bool is_before_access(ngx_http_request_t *r) noexcept {
  const ngx_http_phase_handler_t *handlers = phases_of(r).handlers;
  for (ngx_int_t i = 0; i <= r->phase_handler && handlers[i].checker != nullptr; ++i) {
    if (handlers[i].handler == on_access) {
      return false;
    }
  }
  return true;
}

// While the server's own rewrites run there is no location yet: any of them may be guarded.
bool is_guarded(ngx_http_request_t *r) noexcept {
  const LocationConfiguration &location = location_configuration(r);
  const bool in_location = static_cast<ngx_uint_t>(r->phase_handler) >= phases_of(r).location_rewrite_index;
  return in_location ? location.enforcement->at(ngx_time()) != Mode::off : location.effective;
}

// Whoever answers, or logs, a request that never came to keyward may read what he likes. nginx has a status as soon
// as it answers; while it logs what was cut off without one, nobody holds the request any more.
bool is_over(const ngx_http_request_t *r) noexcept {
  return r->headers_out.status != 0 || r->err_status != 0 || r->count == 0;
}

}  // namespace

void note_early_read(ngx_http_request_t *r, std::string_view variable) noexcept {
  ngx_http_request_t *main = r->main;
  if (is_over(main) || current_context(main) != nullptr || !is_guarded(main) || !is_before_access(main)) {
    return;
  }
  Worker *own = worker();
  if (own == nullptr || !own->may_tell_early_read()) {
    return;
  }
  const ngx_str_t name = borrow(variable);
  ngx_log_error(NGX_LOG_WARN, main->connection->log, 0,
                "keyward: $%V was read before keyward had decided, so it was empty: by rewrite, set, if, limit_req or "
                "limit_conn, or by a map that one of them reads; a map keeps that value for the whole request, "
                "unless \"volatile;\" is in it",
                &name);
}

}  // namespace keyward
