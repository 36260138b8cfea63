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
#include "base/inline_list.hpp"
#include "jwt/cause.hpp"
#include "jwt/issuer.hpp"
#include "limit/paid_windows.hpp"
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
  unsigned held_by = 0;                                     // the location's sources whose fields hold it, bit by bit
  std::array<ngx_table_elt_t *, kMaxSources> headers = {};  // the fields that hold it, and nothing else
  std::size_t header_count = 0;
  ngx_table_elt_t *websocket = nullptr;  // Sec-WebSocket-Protocol, which may hold more
};

// What a source gave before it was taken out of the request: a later location's sources count as if it were still
// there.
struct TakenCredential {
  const Source *source = nullptr;  // of the configuration of the location that took it
  std::string_view text;
  bool twice = false;  // a cookie that came more than once, beside a credential that won over it
};
// Over all locations of one request. More is refused.
inline constexpr std::size_t kMaxTaken = 8;

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

// A failure that a request counts for unless its key turns out right; charged_ms 0: none.
struct CountedFailure {
  Charge charge;
  std::uint64_t charged_ms = 0;
};

// What one decision came to. Made anew for each.
struct Outcome {
  // The decision is being made now, in this very call: its own rules (scopes and limits with variables) may ask who it
  // is about.
  bool deciding = false;
  Decision decision = Decision::none;
  Reason reason = Reason::none;
  // Who it turned out to be, whatever became of it, for what decides and counts; nullptr: nobody, or not known yet.
  // Whoever tells somebody else asks named().
  std::shared_ptr<const Principal> principal;
  std::shared_ptr<const VerifiedToken> token;  // one whose signature, times and claims hold, whatever became of it
  const jwt::Issuer *issuer = nullptr;         // whose verdict it was; of the configuration; nullptr: nobody's
  jwt::Cause token_cause = jwt::Cause::none;   // why it isn't one that holds
  Kind kind = Kind::none;
  bool has_usage_name = false;  // a key was recognised, whatever became of it
  Digest usage_name = {};
  // Of a key that was recognised and has no principal: revoked, expired, its subject blocked.
  ngx_str_t refused_key_id = {};
  std::string_view required_scope;  // insufficient_scope: what was needed; in the request's pool or the configuration
  ngx_str_t challenge_scope = {};   // granted together with needed
  std::uint32_t retry_after_s = 0;

  bool in_shadow = false;  // the location only tries: what it charges pays for nobody

  // The tightest limit's state.
  bool has_limit = false;
  WindowState limit = {};
  std::uint64_t limit_at_ms = 0;  // when that was seen, by ngx_current_msec
  std::uint32_t limit_window_s = 0;
  std::string_view limit_name;

  bool passed_otherwise = false;       // we refused, but `satisfy any` let another module admit it
  bool answered_elsewhere = false;     // error_page took our refusal to a guarded location, which answers for it
  ngx_uint_t refused_uri_changes = 0;  // nginx's countdown of redirects, as it was at the refusal
  ngx_str_t refused_uri = {};
  bool literal_page = false;  // the URI of the error_page for this refusal has no variables

  // The one place that says who may be named, to backends, in variables and in fields: whom keyward has admitted, also
  // in shadow, and to the rules of a decision itself whom it is about. nullptr: nobody.
  const Principal *named() const noexcept {
    const bool admitted = decision == Decision::allowed || (decision == Decision::shadow && reason == Reason::none);
    return admitted || deciding ? principal.get() : nullptr;
  }

  // Public, and never secret: also of a key that was refused.
  std::string_view recognised_key_id() const noexcept {
    return principal ? std::string_view(principal->key_id) : view(refused_key_id);
  }

  bool refused_for_good() const noexcept { return decision == Decision::refused && !passed_otherwise; }
};

struct RequestContext : Outcome {
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
  InlineList<TakenCredential, kMaxTaken> taken;
  bool identity_set = false;  // the identity fields are there
  bool use_counted = false;
  const LocationConfiguration *location = nullptr;  // by which the latest decision was made
  bool destination_is_within = false;               // a location that admitted the request has its Destination, too

  // Of its legacy prefix, and of all of them.
  CountedFailure legacy_failure, any_legacy_failure;

  // Limits: what this request has paid so far.
  PaidWindows paid;

  bool body_replaced = false;  // the filters give the answer our body
  bool body_sent = false;
  ngx_str_t body = {};

  // Before another decision, or another try at this one.
  void begin_decision(const LocationConfiguration &by, bool shadow) noexcept {
    static_cast<Outcome &>(*this) = Outcome();
    in_shadow = shadow;
    location = &by;
  }

  const TakenCredential *find_taken(const Source &source) const noexcept;
  // false: there were too many.
  bool remember_taken(const Source &source, std::string_view text, bool twice = false) noexcept;
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
