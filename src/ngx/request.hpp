// What keyward knows of one request, from its first decision to its end, over all internal redirects.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/principal.hpp"
#include "auth/reason.hpp"
#include "auth/verified_token.hpp"
#include "jwt/cause.hpp"
#include "jwt/issuer.hpp"
#include "limit/windows.hpp"
#include "ngx/configuration.hpp"
#include "ngx/ngx.hpp"

namespace keyward {

enum class Decision : std::uint8_t { none, allowed, refused, shadow, off };
std::string_view to_text(Decision decision) noexcept;

struct WaitList;

// A request's place among those that wait for one thing (waiting.hpp). Unlinked when the request ends, however it ends.
struct Waiter {
  Waiter *next = nullptr, *previous = nullptr;
  WaitList *list = nullptr;
  ngx_event_t timer = {};  // bounds the wait, and keeps a worker that shuts down alive for it
};

// What bcrypt runs have said about this request's credential: a verdict is for one record as it then was (its seal).
struct Verdicts {
  Sha256 sha = {};  // the key that they are about
  struct One {
    Digest tag;
    bool matched;
  };
  static constexpr std::size_t kMax = 64;  // candidates of one legacy prefix, at most
  std::array<One, kMax> items;
  std::size_t count = 0;

  const One *find(const Digest &tag) const noexcept;
  void add(const Digest &tag, bool matched) noexcept;
};

// A token's request, once it has to wait for keys (key_fetching.hpp): until when at most, by ngx_current_msec, and up to which attempt to
// fetch each issuer's keys had begun when it came.
struct KeyWait {
  std::int64_t until_ms = 0;
  std::vector<std::pair<std::size_t, std::uint64_t>> begun;  // issuer, attempt

  std::uint64_t first(std::size_t issuer, std::uint64_t now_begun);
};

// Where the credential was found.
struct FoundCredential {
  std::string_view text;                                    // into the request's buffers, which live as long as it does
  const Source *source = nullptr;                           // of the configuration; nullptr: none was found
  Kind kind = Kind::none;                                   // key or token, by its form
  const KeyFormat *format = nullptr;                        // of a key
  std::array<ngx_table_elt_t *, kMaxSources> headers = {};  // the fields that hold it, and nothing else
  std::size_t header_count = 0;
  ngx_table_elt_t *websocket = nullptr;  // Sec-WebSocket-Protocol, which may hold more
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
};

struct RequestContext {
  explicit RequestContext(ngx_http_request_t *request) noexcept : r(request) {}

  ngx_http_request_t *r;
  Waiter waiter;
  bool waiting = false;
  bool wait_expired = false;  // the bound on the wait was reached
  bool wait_failed = false;   // bcrypt could not run
  std::unique_ptr<Verdicts> verdicts;
  std::unique_ptr<KeyWait> key_wait;

  QueryCredential query;
  FoundCredential credential;
  bool stripped = false;      // the credential's fields are gone from the request
  bool identity_set = false;  // the identity fields are there
  bool use_counted = false;
  bool destination_is_within = false;  // a location that admitted the request has its Destination, too

  // The latest decision.
  Decision decision = Decision::none;
  Reason reason = Reason::none;
  const LocationConfiguration *location = nullptr;  // by which it was made
  std::shared_ptr<const Principal> principal;       // nullptr: nobody, or not known yet
  std::shared_ptr<const VerifiedToken> token;       // one whose signature, times and claims hold, whatever became of it
  const jwt::Issuer *issuer = nullptr;              // whose verdict it was; of the configuration; nullptr: nobody's
  jwt::Cause token_cause = jwt::Cause::none;        // why it isn't one that holds
  Kind kind = Kind::none;
  bool has_usage_name = false;  // a key was recognised, whatever became of it
  Digest usage_name = {};
  ngx_str_t refused_key_id =
      {};  // of one that was recognised and has no principal: revoked, expired, its subject blocked
  std::string_view required_scope;  // insufficient_scope: what was needed; in the request's pool or the configuration
  ngx_str_t challenge_scope = {};   // granted together with needed
  std::uint32_t retry_after_s = 0;

  // A failure of its legacy prefix that this request counts for unless its key turns out right; charged_ms 0: none.
  struct {
    Charge charge;
    std::uint64_t charged_ms = 0;
  } legacy_failure;

  // Limits: the windows that this request was counted in, and the tightest one's state.
  std::array<Digest, 32> charged;
  std::size_t charged_count = 0;
  bool has_limit = false;
  WindowState limit;
  std::uint32_t limit_window_s = 0;
  std::string_view limit_name;

  bool passed_otherwise = false;       // we refused, but `satisfy any` let another module admit it
  bool answered_elsewhere = false;     // error_page took our refusal to a guarded location, which answers for it
  ngx_uint_t refused_uri_changes = 0;  // nginx's countdown of redirects, as it was at the refusal
  ngx_str_t refused_uri = {};
  bool literal_page = false;   // the URI of the error_page for this refusal has no variables
  bool body_replaced = false;  // the filters give the answer our body
  bool body_sent = false;
  ngx_str_t body = {};

  // Before another decision. What was told of the principal (identity fields, and variables read from them) points into it, and is good
  // until the request's end. false: memory was refused, and it is still there.
  bool let_go_of_principal() noexcept;

  bool refused_for_good() const noexcept { return decision == Decision::refused && !passed_otherwise; }
};

// The context that belongs to the location that the request is in now: nullptr before keyward's access phase there.
RequestContext *current_context(ngx_http_request_t *r) noexcept;
// The request's context even after an internal redirect, which clears nginx's pointer to it; nullptr if it has none. Of a
// subrequest: its main request's.
RequestContext *find_context(ngx_http_request_t *r) noexcept;
void set_current_context(ngx_http_request_t *r, RequestContext *ctx) noexcept;
// find_context(), or a new one; nullptr when memory was refused.
RequestContext *obtain_context(ngx_http_request_t *r) noexcept;

}  // namespace keyward
