// The header fields of a request against its body, and which era it is of. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "mcp/call.hpp"
#include "mcp/message.hpp"

namespace keyward::mcp {

// A header field as it came: the first value, and how often it was there.
struct Field {
  std::string_view value;
  std::size_t count = 0;
};

struct Fields {
  Field version;  // MCP-Protocol-Version
  Field method;   // Mcp-Method
  Field name;     // Mcp-Name
  Field content_type, content_encoding;
};

// Of a request with a body that was read (POST). A message that is refused already keeps its fault; else an encoded
// body, another charset than UTF-8, fields that don't say what the body says, or a response in the modern era are one.
// noexcept, no allocation.
Call make_call(const Message &message, const Fields &fields) noexcept;

// Of a request whose body isn't read: GET, HEAD, DELETE, OPTIONS, or one that is refused before its body. The era, and
// whether it is server/discover, are what its fields say.
Call make_call(const Fields &fields) noexcept;

// Whether fields say that the body isn't JSON in UTF-8 as it stands: any Content-Encoding but identity, any charset but
// utf-8, or one of these fields twice.
bool is_encoded(const Fields &fields) noexcept;

// Whether Mcp-Method or Mcp-Name is there, which only requests and notifications have.
bool names_message(const Fields &fields) noexcept;

// Mcp-Name as the protocol encodes what can't stand in a header field: "=?base64?...?=", its markers in small letters,
// canonical base64 with padding inside. Whether it says this text.
bool says(std::string_view field, std::string_view text) noexcept;

// What an MCP location does with a request by its method alone, before anybody is known.
enum class HttpVerdict : std::uint8_t {
  read_body,          // POST
  needs_credential,   // GET, HEAD, DELETE of the legacy era
  open_to_anonymous,  // the same, and whoever has no credential may, too, where `anonymous` is accepted
  options,            // to be answered as a preflight, or asked as any other
  not_allowed,        // 405
  has_message,        // 400 invalid_message: this method has none
};
struct HttpRequest {
  std::string_view method;
  bool has_message = false;  // a Content-Length above 0, Transfer-Encoding, or fields that say what a message is about
  bool has_credential = false;
  bool resumes = false;  // Last-Event-ID or Mcp-Session-Id is there
  bool accepts_anonymous = false;
};
// A GET or HEAD that resumes, comes without a credential, and where `anonymous` is accepted, is 405: 401 would make a
// client of the legacy era open a login.
HttpVerdict judge_http_method(const HttpRequest &request, Era era) noexcept;

}  // namespace keyward::mcp
