// Reading a request's body whole in the access phase, before anything is decided by what is in it. nginx buffers it as
// for any backend, in memory or in a file, and passes it on unchanged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ngx/nginx/ngx.hpp"

namespace keyward {

struct RequestContext;

struct BodyReading {
  enum class State : std::uint8_t {
    unread,
    reading,
    whole,
    too_large,  // longer than `most`; what came of it is in nginx's hands
    lost,       // passed on or discarded before it was read whole, so that nobody can say what is in it
    failed,     // nginx answers, with the status that read_body() has told
  };

  State state = State::unread;
  bool asynchronous = false;  // the phases were left, and go on when it is there
  bool tolerant = false;      // one that is too large is read on: nothing is refused
  std::size_t most = 0;       // bytes
  std::size_t size = 0;       // so far, or of all of it
  // For one that turns out too large while the phases are left: makes the refusal, and answers with its status.
  ngx_int_t (*refuse)(RequestContext *ctx) = nullptr;
};

// That of the request; made at the first call. nullptr: memory was refused.
BodyReading *obtain_body(RequestContext *ctx) noexcept;

// Reads the body, of at most `most` bytes; the context has to be the current one. NGX_OK: reading->state says what came
// of it, and one with a larger Content-Length was left unread. NGX_DONE: the request waits for it, and its phases go on
// by themselves when it is there. Else the status that nginx ends the request with (reading->state is `failed`). May be
// called again, also after a redirect, and with another bound: what was read is kept.
ngx_int_t read_body(RequestContext *ctx, BodyReading *reading) noexcept;

// A body that was not read to its end, on a connection that would go on: what is left of it must not be taken for the
// next request.
void end_connection_after(ngx_http_request_t *r) noexcept;

// Whether a body was announced.
bool has_body(const ngx_http_request_t *r) noexcept;

// Calls visit(std::string_view) for each piece of a body that is whole, until it answers false. What is in nginx's
// temporary file is read back in pieces. false: memory was refused, or the file can't be read.
class BodyPieces {
 public:
  explicit BodyPieces(ngx_http_request_t *r) noexcept;

  // false: there are no more, or *failed.
  bool next(std::string_view *piece, bool *failed) noexcept;

 private:
  bool next_of_file(std::string_view *piece, bool *failed) noexcept;

  ngx_http_request_t *r_;
  ngx_chain_t *link_;
  off_t offset_ = 0;  // in a file, of what is next
  u_char *buffer_ = nullptr;
};

// Counts bodies without a length while they are read. For configurations in which bodies are looked at.
void install_body_filter() noexcept;

}  // namespace keyward
