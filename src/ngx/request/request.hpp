// What keyward knows of one request, from its first decision to its end, over all internal redirects.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "answer/refusal.hpp"
#include "base/inline_list.hpp"
#include "decide/outcome.hpp"
#include "decide/request_state.hpp"
#include "ngx/configuration/configuration.hpp"
#include "ngx/nginx/ngx.hpp"

namespace keyward {

struct BodyReading;
struct MessageState;
struct WaitList;

// A request's place among those that wait for one thing (waiting.hpp). Unlinked when the request ends, however it ends.
struct Waiter {
  Waiter *next = nullptr, *previous = nullptr;
  WaitList *list = nullptr;
  ngx_event_t timer = {};  // bounds the wait, and keeps a worker that shuts down alive for it
};

// A token's request, once it has to wait for keys (key_fetching.hpp): until when at most, by ngx_current_msec, and up
// to which attempt to fetch each issuer's keys had begun when it came.
struct KeyWait {
  std::int64_t until_ms = 0;
  std::vector<std::pair<std::size_t, std::uint64_t>> begun;  // issuer, attempt

  std::uint64_t first(std::size_t issuer, std::uint64_t now_begun);
};

// Where the credential was found.
struct FoundCredential {
  std::string_view text;                               // into the request's buffers, which live as long as it does
  const Source *source = nullptr;                      // of the configuration; nullptr: none was found
  unsigned held_by = 0;                                // the location's sources whose fields hold it, bit by bit
  std::array<ngx_table_elt_t *, kMaxSources> headers;  // the fields that hold it, and nothing else: so many
  std::size_t header_count = 0;
  ngx_table_elt_t *websocket = nullptr;  // Sec-WebSocket-Protocol, which may hold more
  ngx_table_elt_t *basic = nullptr;      // Authorization, whether or not its Basic is the credential
};

// What a source gave before it was taken out of the request: a later location's sources count as if it were still
// there. In the context, or in the request's pool; the latest first.
struct TakenCredential {
  const Source *source = nullptr;  // of the configuration of the location that took it
  std::string_view text;           // of Authorization: all that the field held
  bool twice = false;              // a cookie that came more than once, beside a credential that won over it
  const TakenCredential *next = nullptr;
};

// What was cut out of the query (query_credential.hpp). All texts are in the request's pool.
struct QueryCredential {
  std::string_view name;                    // of the argument, in the configuration; empty: nothing was cut out
  ngx_str_t value = {};                     // decoded; empty: all were empty
  bool twice = false;                       // it came more than once with a value
  ngx_str_t arguments = {};                 // as they were sent: "key=kw_..."
  ngx_str_t sent_args = {}, cut_args = {};  // r->args
  ngx_str_t sent_uri = {}, cut_uri = {};    // r->unparsed_uri
  bool given_back = false;                  // to some location of this request
  bool taken = false;                       // a location that admitted the request took it: it stays gone
};

// A refusal, and what nginx makes of it.
struct Refused {
  Refusal refusal;                  // what the client is told
  bool passed_otherwise = false;    // `satisfy any` let another module admit the request
  bool answered_elsewhere = false;  // error_page took it to a guarded location, which answers for it
  bool literal_page = false;        // the URI of the error_page for it has no variables
  bool had_error_page = false;      // nginx had led to an error page before
  ngx_uint_t uri_changes = 0;       // nginx's countdown of redirects, as it was then
  ngx_str_t uri = {};
};

// The filters' work on one answer.
struct AnswerState {
  bool body_replaced = false;  // nginx's own page is replaced by the refusal's body
  bool body_sent = false;
  std::uint16_t shown_status = 0;  // instead of the refusal's; 0: the same
};

struct RequestContext {
  explicit RequestContext(ngx_http_request_t *request) noexcept : r(request) {}

  ngx_http_request_t *r;

  // Of the request.
  RequestState state;
  Waiter waiter;
  bool waiting = false;
  std::unique_ptr<KeyWait> key_wait;
  QueryCredential query;
  const TakenCredential *taken = nullptr;
  InlineList<TakenCredential, 1> first_taken;  // nearly every request has one, and no more
  MessageState *message = nullptr;             // of a request that came to an MCP location
  BodyReading *body = nullptr;                 // of one whose body is read before it is decided
  bool identity_set = false;                   // the identity fields are there
  bool destination_is_within = false;          // a location that admitted the request has its Destination, too

  // Of the latest decision.
  const LocationConfiguration *location = nullptr;
  FoundCredential credential;
  Outcome outcome;
  Refused refused;

  // Of the answer.
  AnswerState answer;

  // Before another decision, or another try at this one.
  void begin_decision(const LocationConfiguration &by, bool shadow) noexcept {
    if (location != nullptr) {  // what is new needs no making anew
      credential = FoundCredential();
      outcome = Outcome();
      refused = Refused();
    }
    outcome.in_shadow = shadow;
    location = &by;
  }

  bool refused_for_good() const noexcept { return outcome.decision == Decision::refused && !refused.passed_otherwise; }

  const TakenCredential *find_taken(const Source &source) const noexcept {
    const TakenCredential *one = taken;
    while (one != nullptr && !(*one->source == source) &&
           !(one->source->is_authorization() && source.is_authorization())) {
      one = one->next;
    }
    return one;
  }
  // false: memory was refused.
  bool remember_taken(const Source &source, std::string_view text, bool twice = false) noexcept;
};

// The context that belongs to the location that the request is in now: nullptr before keyward's access phase there.
RequestContext *current_context(ngx_http_request_t *r) noexcept;
// The request's context even after an internal redirect, which clears nginx's pointer to it; nullptr if it has none. Of
// a subrequest: its main request's.
RequestContext *find_context(ngx_http_request_t *r) noexcept;
void set_current_context(ngx_http_request_t *r, RequestContext *ctx) noexcept;
// find_context(), or a new one; nullptr when memory was refused.
RequestContext *obtain_context(ngx_http_request_t *r) noexcept;

}  // namespace keyward
