// What is kept of a request that came to an MCP location, over all internal redirects.
#pragma once

#include <string_view>

#include "auth/origin.hpp"
#include "mcp/call.hpp"
#include "mcp/fields.hpp"
#include "mcp/message.hpp"
#include "ngx/request/request.hpp"

namespace keyward {

struct ListState;

struct MessageState {
  // Of its header, read once. Views into the request's fields.
  mcp::Fields fields;
  FieldSeen origin;
  std::string_view requested_method, requested_fields;  // Access-Control-Request-Method and -Headers
  bool resumes = false;                                 // Last-Event-ID or Mcp-Session-Id is there

  // Of its body, read once.
  bool parsed = false;
  Reason body_fault = Reason::none;  // it could not be read: internal_error
  mcp::Message message;

  // Of the latest decision about it.
  mcp::Call call;                  // what an answer has to know
  const char *problem = nullptr;   // why the message is refused as such, for the log: a literal
  bool may_answer_origin = false;  // Origin is there and allowed: its page may read the answer
  bool answers_preflight = false;  // keyward itself answers
  bool filters_list = false;       // its answer may hold a list, of which a part is to be taken out
  ListState *list = nullptr;       // the work on that (ngx/answer/list_filter.cpp); in the request's pool
};

// That of the request; made, and its header read, at the first call. nullptr: memory was refused.
MessageState *obtain_message(RequestContext *ctx) noexcept;

// The request's Origin, and whether it may come from there. A page's own server counts as such where its name stands
// literally in server_name, or in the location's keyward_resource.
FieldSeen find_origin(ngx_http_request_t *r) noexcept;
bool is_origin_allowed(ngx_http_request_t *r, const LocationConfiguration &location, const FieldSeen &origin) noexcept;

// Whether the answer to it may hold a list of tools, prompts or resources.
bool may_bring_list(const RequestContext *ctx) noexcept;

// The version that the request says it is of; empty: none.
std::string_view version_of(const MessageState &state) noexcept;

}  // namespace keyward
