// What nginx's own handlers do to read a body (ngx_http_mirror_module.c), but without a second run of the phases where
// the body has come with the header, as nearly always.
#include "ngx/request/body.hpp"

#include "ngx/request/request.hpp"

namespace keyward {
namespace {

using State = BodyReading::State;

constexpr std::size_t kFilePieceBytes = 65536;

ngx_http_request_body_filter_pt next_body_filter;

std::size_t size_of(const ngx_chain_t *link) noexcept {
  off_t size = 0;
  for (; link != nullptr; link = link->next) {
    size += ngx_buf_size(link->buf);
  }
  return static_cast<std::size_t>(size);
}

// Sees each byte of a body once, before nginx keeps it.
ngx_int_t on_request_body(ngx_http_request_t *r, ngx_chain_t *in) noexcept {
  RequestContext *ctx = r == r->main ? current_context(r) : nullptr;
  BodyReading *reading = ctx != nullptr ? ctx->body : nullptr;
  if (reading != nullptr && reading->state == State::reading) {
    reading->size += size_of(in);
    if (reading->size > reading->most && !reading->tolerant) {
      reading->state = State::too_large;
      return reading->asynchronous ? reading->refuse(ctx) : NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
    }
  }
  return next_body_filter(r, in);
}

// What nginx has kept is what will be passed on, so that is what counts.
State judge_kept(ngx_http_request_t *r, BodyReading *reading) noexcept {
  if (!has_body(r)) {
    return State::whole;
  }
  if (r->discard_body || r->reading_body || r->request_body == nullptr || r->request_body->rest != 0) {
    return State::lost;
  }
  reading->size = size_of(r->request_body->bufs);
  // nginx counts one that came in chunks, and then says so as if it had had a length.
  return static_cast<off_t>(reading->size) == r->headers_in.content_length_n ? State::whole : State::lost;
}

void on_body_read(ngx_http_request_t *r) noexcept {
  RequestContext *ctx = current_context(r);
  BodyReading &reading = *ctx->body;
  reading.state = judge_kept(r, &reading);
  r->write_event_handler = ngx_http_core_run_phases;
  if (reading.asynchronous) {
    ngx_http_core_run_phases(r);
  }
}

ngx_int_t begin(RequestContext *ctx, BodyReading *reading) noexcept {
  ngx_http_request_t *r = ctx->r;
  reading->state = State::reading;
  reading->size = 0;
  const ngx_int_t rc = ngx_http_read_client_request_body(r, on_body_read);
  if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {  // nginx has given its count back
    if (reading->state == State::too_large) {
      return NGX_OK;
    }
    reading->state = State::failed;
    return rc;
  }
  if (reading->state == State::reading) {
    reading->asynchronous = true;
  }
  ngx_http_finalize_request(r, NGX_DONE);  // gives back what reading has added to the request's count
  return reading->asynchronous ? NGX_DONE : NGX_OK;
}

}  // namespace

bool has_body(const ngx_http_request_t *r) noexcept {
  return r->headers_in.content_length_n > 0 || r->headers_in.chunked;
}

BodyReading *obtain_body(RequestContext *ctx) noexcept {
  if (ctx->body == nullptr) {
    ctx->body = pool_new<BodyReading>(ctx->r->pool);
  }
  return ctx->body;
}

ngx_int_t read_body(RequestContext *ctx, BodyReading *reading) noexcept {
  ngx_http_request_t *r = ctx->r;
  if (reading->state == State::reading) {
    return NGX_DONE;
  }
  if (reading->state == State::unread || reading->state == State::too_large) {
    // Read before us: nginx's client_body_early_read, another module, or a location that this request came through.
    if (r->request_body != nullptr || r->discard_body) {
      reading->state = judge_kept(r, reading);
    } else if (r->headers_in.content_length_n > static_cast<off_t>(reading->most)) {
      reading->state = State::too_large;
      return NGX_OK;
    } else {
      const ngx_int_t rc = begin(ctx, reading);
      if (rc != NGX_OK || reading->state != State::whole) {
        return rc;
      }
    }
  }
  if (reading->state == State::whole) {
    r->preserve_body = 1;  // a redirect may lead to another backend, which gets the same body
    reading->state = reading->size > reading->most ? State::too_large : State::whole;
  }
  return NGX_OK;
}

void end_connection_after(ngx_http_request_t *r) noexcept {
  if (has_body(r) && r->request_body != nullptr && r->request_body->rest != 0) {
    r->keepalive = 0;
    r->lingering_close = 1;
  }
}

BodyPieces::BodyPieces(ngx_http_request_t *r) noexcept
    : r_(r), link_(r->request_body != nullptr ? r->request_body->bufs : nullptr) {}

bool BodyPieces::next(std::string_view *piece, bool *failed) noexcept {
  *failed = false;
  while (link_ != nullptr) {
    const ngx_buf_t *buf = link_->buf;
    if (!ngx_buf_in_memory(buf) && buf->in_file) {
      if (next_of_file(piece, failed) || *failed) {
        return !*failed;
      }
    } else if (buf->last != buf->pos) {
      *piece = {reinterpret_cast<const char *>(buf->pos), static_cast<std::size_t>(buf->last - buf->pos)};
      link_ = link_->next;
      return true;
    }
    link_ = link_->next;
  }
  return false;
}

bool BodyPieces::next_of_file(std::string_view *piece, bool *failed) noexcept {
  const ngx_buf_t *buf = link_->buf;
  offset_ = offset_ == 0 ? buf->file_pos : offset_;
  const off_t left = buf->file_last - offset_;
  if (left <= 0) {
    offset_ = 0;
    return false;
  }
  const auto most = static_cast<std::size_t>(left) < kFilePieceBytes ? static_cast<std::size_t>(left) : kFilePieceBytes;
  buffer_ = buffer_ != nullptr ? buffer_ : static_cast<u_char *>(ngx_palloc(r_->pool, kFilePieceBytes));
  const ssize_t got = buffer_ == nullptr ? NGX_ERROR : ngx_read_file(buf->file, buffer_, most, offset_);
  if (got <= 0) {
    *failed = true;
    return false;
  }
  offset_ += got;
  *piece = {reinterpret_cast<const char *>(buffer_), static_cast<std::size_t>(got)};
  return true;
}

void install_body_filter() noexcept {
  next_body_filter = ngx_http_top_request_body_filter;
  ngx_http_top_request_body_filter = on_request_body;
}

}  // namespace keyward
