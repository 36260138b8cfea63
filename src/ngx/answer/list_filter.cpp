// A JSON answer is held until it is whole, with its header, as it may become 502; an event stream passes event by event.
#include "ngx/answer/list_filter.hpp"

#include <algorithm>
#include <new>
#include <optional>
#include <string>

#include "answer/refusal.hpp"
#include "base/ascii.hpp"
#include "json/json.hpp"
#include "mcp/list_filter.hpp"
#include "ngx/access/access.hpp"
#include "ngx/nginx/header_list.hpp"
#include "ngx/request/message.hpp"

namespace keyward {
namespace {

ngx_http_output_header_filter_pt next_header_filter;
ngx_http_output_body_filter_pt next_body_filter;

constexpr std::size_t kLeastBuffer = 8192;  // nginx can free what is larger than a pool's block
// Of a stream whose client is slow: what is written and not sent yet. Above that nothing more is taken, so that nginx
// stops reading from the backend.
constexpr std::size_t kMostUnsent = 65536;
constexpr unsigned kBuffered = 0x08;  // in nginx's connection: something is left to be taken

}  // namespace

// Of one answer; in the request's pool.
struct ListState {
  enum class Way : std::uint8_t {
    pass,  // as it comes
    json,  // held, the header too
    events,
  };

  std::shared_ptr<const Principal> principal;  // whose grants they are
  mcp::ListReader reader;
  std::string error;  // what it says of an event
  Way way = Way::pass;
  std::string held;
  std::optional<mcp::EventStreamFilter> events;
  ngx_chain_t *free = nullptr, *busy = nullptr;  // what was written
  ngx_chain_t *in = nullptr;                     // what came, and wasn't taken yet
};

namespace {

using Way = ListState::Way;

bool is_type(ngx_http_request_t *r, std::string_view type) noexcept {
  std::string_view own = view(r->headers_out.content_type);
  own = own.substr(0, std::min(own.find_first_of("; "), own.size()));
  return equal_caseless(own, type);
}

// Of this very answer, and not of an error page that took its place.
bool is_filtered(const RequestContext *ctx) noexcept {
  return ctx != nullptr && ctx->message != nullptr && ctx->message->filters_list &&
         ctx->outcome.decision == Decision::allowed;
}

bool is_encoded(ngx_http_request_t *r) noexcept {
  bool encoded = false;
  for_each_header(&r->headers_out.headers, [&encoded](const ngx_table_elt_t *header) {
    encoded = is_same_name(header, "content-encoding") && !equal_caseless(view(header->value), "identity");
    return !encoded;
  });
  return encoded;
}

// What was said of the answer as it was.
void forget_validators(ngx_http_request_t *r) noexcept {
  ngx_http_clear_content_length(r);
  ngx_http_clear_accept_ranges(r);
  ngx_http_clear_last_modified(r);
  ngx_http_clear_etag(r);
  r->allow_ranges = 0;
  for_each_header(&r->headers_out.headers, [](ngx_table_elt_t *header) {
    for (const std::string_view name : {"digest", "content-digest", "repr-digest", "content-md5", "etag",
                                        "last-modified", "accept-ranges", "content-length"}) {
      header->hash = is_same_name(header, name) ? 0 : header->hash;
    }
    return true;
  });
}

// Before the header was sent.
ngx_int_t refuse(ngx_http_request_t *r, RequestContext *ctx) noexcept {
  ctx->message->filters_list = false;
  return ngx_http_filter_finalize_request(r, &ngx_http_keyward_module, refuse_list(ctx));
}

bool may_pass_unread(const ListState &list) noexcept {
  return mcp::judge_unread_list(list.reader) == mcp::ListVerdict::unchanged;
}

const Grants &everything() noexcept {
  static const Grants kAll = Grants::all();
  return kAll;
}

// In the place of an event.
std::string error_of(const LocationConfiguration &location) {
  const RefusalText &answer = (*location.answers)[static_cast<std::size_t>(Reason::list_unreadable)];
  json::Writer out;
  out.begin_object();
  out.key("code").number(answer.rpc.value_or(info(Reason::list_unreadable).json_rpc));
  return out.member("message", answer.message).end_object().text();
}

ListState *make_state(RequestContext *ctx) {
  const McpTerms &terms = *ctx->location->mcp_terms;
  const mcp::Call &call = ctx->message->call;
  auto *list = pool_new<ListState>(ctx->r->pool);
  if (list == nullptr) {
    throw std::bad_alloc();
  }
  list->principal = ctx->outcome.principal;
  list->error = error_of(*ctx->location);
  const Grants *grants = list->principal ? &list->principal->grants : &everything();
  list->reader = {&terms.rules, grants, call.era, terms.settings.list, call.id, list->error};
  return list;
}

ngx_int_t begin(ngx_http_request_t *r, RequestContext *ctx) {
  const bool encoded = is_encoded(r), json = is_type(r, "application/json"), events = is_type(r, "text/event-stream");
  if (!json && !events && !encoded && r->headers_out.status != NGX_HTTP_OK) {
    return next_header_filter(r);  // a failure in the backend's own words, from which clients take no list
  }
  ListState &list = *(ctx->message->list = make_state(ctx));
  if (events && !encoded) {
    list.events.emplace(list.reader);
    list.way = Way::events;
    r->main_filter_need_in_memory = 1;
    forget_validators(r);
    return next_header_filter(r);
  }
  const bool too_large = r->headers_out.content_length_n > static_cast<off_t>(list.reader.bound);
  if (encoded || too_large || !json) {
    return may_pass_unread(list) ? next_header_filter(r) : refuse(r, ctx);
  }
  list.way = Way::json;
  r->main_filter_need_in_memory = 1;
  return NGX_OK;
}

ngx_int_t on_header(ngx_http_request_t *r) noexcept {
  RequestContext *ctx = r == r->main ? current_context(r) : nullptr;
  if (!is_filtered(ctx) || ctx->message->list != nullptr || r->header_only ||
      r->headers_out.status == NGX_HTTP_NO_CONTENT || r->headers_out.content_length_n == 0) {
    return next_header_filter(r);
  }
  return guarded(static_cast<ngx_int_t>(NGX_ERROR), [&] { return begin(r, ctx); });
}

// One of ours, whose memory is used again once it was sent. nullptr: memory was refused.
ngx_chain_t *make_buffer(ngx_http_request_t *r, ListState *list, std::string_view text) noexcept {
  ngx_chain_t *link = ngx_chain_get_free_buf(r->pool, &list->free);
  if (link == nullptr) {
    return nullptr;
  }
  ngx_buf_t *buf = link->buf;
  u_char *start = buf->start;
  std::size_t capacity = static_cast<std::size_t>(buf->end - buf->start);
  if (capacity < text.size()) {
    if (start != nullptr) {
      ngx_pfree(r->pool, start);
    }
    capacity = std::max(text.size(), kLeastBuffer);
    start = static_cast<u_char *>(ngx_palloc(r->pool, capacity));
    if (start == nullptr) {
      return nullptr;
    }
  }
  *buf = ngx_buf_t();
  buf->start = buf->pos = start;
  buf->end = start + capacity;
  buf->last = ngx_cpymem(start, text.data(), text.size());
  buf->temporary = 1;
  buf->tag = reinterpret_cast<ngx_buf_tag_t>(&ngx_http_keyward_filter_module);
  link->next = nullptr;
  return link;
}

// What was held. It lives as long as the request.
ngx_int_t send_held(ngx_http_request_t *r, ListState *list, bool last) noexcept {
  const ngx_int_t rc = next_header_filter(r);
  if (rc == NGX_ERROR || rc > NGX_OK || (list->held.empty() && !last)) {
    return rc;
  }
  auto *buf = static_cast<ngx_buf_t *>(ngx_calloc_buf(r->pool));
  if (buf == nullptr) {
    return NGX_ERROR;
  }
  const ngx_str_t text = borrow(list->held);
  buf->start = buf->pos = text.data;
  buf->end = buf->last = text.data + text.len;
  buf->memory = text.len != 0;
  buf->last_buf = last;
  buf->last_in_chain = last;
  ngx_chain_t out = {buf, nullptr};
  return next_body_filter(r, &out);
}

ngx_int_t send(ngx_http_request_t *r, ListState *list, std::string_view text, bool flush, bool last) noexcept {
  ngx_chain_t *out = nullptr;
  if (!text.empty() || flush || last) {
    out = make_buffer(r, list, text);
    if (out == nullptr) {
      return NGX_ERROR;
    }
    out->buf->flush = flush;
    out->buf->last_buf = last;
    out->buf->last_in_chain = last;
    out->buf->temporary = !text.empty();
  }
  const ngx_int_t rc = next_body_filter(r, out);
  ngx_chain_update_chains(r->pool, &list->free, &list->busy, &out,
                          reinterpret_cast<ngx_buf_tag_t>(&ngx_http_keyward_filter_module));
  return rc;
}

std::string_view take(ngx_buf_t *buf) noexcept {
  const std::string_view text(reinterpret_cast<const char *>(buf->pos), static_cast<std::size_t>(buf->last - buf->pos));
  buf->pos = buf->last;
  return text;
}

// The rest passes as it comes.
ngx_int_t pass_on(ngx_http_request_t *r, ListState *list, ngx_chain_t *rest) noexcept {
  list->way = Way::pass;
  const ngx_int_t rc = send_held(r, list, false);
  return rc == NGX_ERROR || rc > NGX_OK ? rc : next_body_filter(r, rest);
}

ngx_int_t answer_json(ngx_http_request_t *r, RequestContext *ctx) {
  ListState &list = *ctx->message->list;
  std::string filtered;
  const mcp::ListVerdict verdict = mcp::filter_list(list.reader, list.held, &filtered);
  if (verdict == mcp::ListVerdict::unreadable) {
    return refuse(r, ctx);
  }
  if (verdict == mcp::ListVerdict::changed) {
    list.held = std::move(filtered);
    forget_validators(r);
    r->headers_out.content_length_n = static_cast<off_t>(list.held.size());
  }
  list.way = Way::pass;
  return send_held(r, &list, true);
}

ngx_int_t hold_json(ngx_http_request_t *r, RequestContext *ctx, ngx_chain_t *in) {
  ListState &list = *ctx->message->list;
  for (ngx_chain_t *link = in; link != nullptr; link = link->next) {
    const std::size_t size = static_cast<std::size_t>(link->buf->last - link->buf->pos);
    if (list.held.size() + size > list.reader.bound) {
      return may_pass_unread(list) ? pass_on(r, &list, link) : refuse(r, ctx);
    }
    list.held += take(link->buf);
    if (link->buf->last_buf) {
      return answer_json(r, ctx);
    }
  }
  return NGX_OK;
}

std::size_t unsent(const ListState &list) noexcept {
  off_t size = 0;
  for (const ngx_chain_t *link = list.busy; link != nullptr; link = link->next) {
    size += ngx_buf_size(link->buf);
  }
  return static_cast<std::size_t>(size);
}

// Takes what came, as far as it may go on. false: the stream has to be broken off.
bool take_events(ngx_http_request_t *r, ListState *list, std::string *out, bool *flush, bool *last) {
  while (list->in != nullptr && out->size() < kMostUnsent) {
    ngx_chain_t *link = list->in;
    list->in = link->next;
    *last = link->buf->last_buf;
    *flush = *flush || link->buf->flush;  // also of nothing: the header goes on before the first event
    const bool good = list->events->read(take(link->buf), out);
    ngx_free_chain(r->pool, link);
    if (!good) {
      return false;
    }
  }
  if (*last) {
    list->events->finish(out);
  }
  return true;
}

ngx_int_t pass_events(ngx_http_request_t *r, ListState *list, ngx_chain_t *in) {
  if (in != nullptr && ngx_chain_add_copy(r->pool, &list->in, in) != NGX_OK) {
    return NGX_ERROR;
  }
  ngx_int_t rc = in == nullptr || list->in == nullptr ? send(r, list, {}, false, false) : NGX_OK;
  while (rc != NGX_ERROR && list->in != nullptr && unsent(*list) < kMostUnsent) {
    std::string out;
    bool flush = false, last = false;
    const bool good = take_events(r, list, &out, &flush, &last);
    rc = send(r, list, out, flush || !out.empty(), good && last);
    if (!good) {
      ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                    "keyward: an event with a list can't be filtered, as it is larger than \"list=\" of keyward_mcp; "
                    "its stream ends here");
      return NGX_ERROR;
    }
  }
  if (list->in != nullptr) {
    r->connection->buffered = static_cast<unsigned char>(r->connection->buffered | kBuffered);
    return rc == NGX_ERROR ? rc : NGX_AGAIN;
  }
  r->connection->buffered = static_cast<unsigned char>(r->connection->buffered & ~kBuffered);
  return rc;
}

ngx_int_t on_body(ngx_http_request_t *r, ngx_chain_t *in) noexcept {
  RequestContext *ctx = r == r->main ? current_context(r) : nullptr;
  ListState *list = is_filtered(ctx) ? ctx->message->list : nullptr;
  if (list == nullptr || list->way == Way::pass || (in == nullptr && list->way == Way::json)) {
    return next_body_filter(r, in);
  }
  return guarded(static_cast<ngx_int_t>(NGX_ERROR),
                 [&] { return list->way == Way::json ? hold_json(r, ctx, in) : pass_events(r, list, in); });
}

}  // namespace

void install_list_filter() noexcept {
  next_header_filter = ngx_http_top_header_filter;
  ngx_http_top_header_filter = on_header;
  next_body_filter = ngx_http_top_body_filter;
  ngx_http_top_body_filter = on_body;
}

}  // namespace keyward
