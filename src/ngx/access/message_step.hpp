// What comes before a decision in an MCP location: where the request comes from, by which method, and all of its body.
#pragma once

#include "decide/credential.hpp"
#include "decide/demand.hpp"
#include "mcp/rules.hpp"
#include "ngx/request/message.hpp"
#include "ngx/request/request.hpp"

namespace keyward {

// What is known before it is known who asks.
struct MessageLook {
  // Not Reason::none: refused, whoever asks. Without a value the request waits for its body, or nginx has ended it, or
  // keyward has answered it: nothing of it may be touched any more.
  Conclusion conclusion = Reason::none;
  bool open = false;          // no credential is needed
  bool is_preflight = false;  // in shadow: it would be answered here, and nobody is asked who he is
  bool has_judgement = false;
  mcp::Judgement judgement;  // of a message
};

// presented: as it was found, and not looked up; with a fault the body isn't read. accepts_anonymous: without a
// credential GET and HEAD may pass. Throws std::bad_alloc.
MessageLook look_at_message(RequestContext *ctx, const LocationConfiguration &location, const Credential &presented,
                            bool accepts_anonymous);

}  // namespace keyward
