// What the protocol demands of header fields (MCP 2026-07-28, "Streamable HTTP"), and what of HTTP's own.
#include "mcp/fields.hpp"

#include <algorithm>
#include <array>

#include "base/ascii.hpp"
#include "base/base64.hpp"

namespace keyward::mcp {

namespace {

constexpr std::string_view kOpen = "=?base64?", kClose = "?=";

bool is_sentinel(std::string_view field) noexcept {
  return field.size() >= kOpen.size() + kClose.size() && field.substr(0, kOpen.size()) == kOpen &&
         field.substr(field.size() - kClose.size()) == kClose;
}

// Decodes group by group and compares, so that a name of any length needs no memory.
bool is_base64_of(std::string_view encoded, std::string_view text) noexcept {
  if (encoded.size() % 4 != 0) {
    return false;
  }
  while (!encoded.empty()) {
    std::uint8_t bytes[3];
    std::size_t size = 0;
    const bool is_last = encoded.size() == 4;
    if (!from_base64(Base64::padded, encoded.substr(0, 4), bytes, sizeof(bytes), &size) || (size < 3 && !is_last) ||
        text.substr(0, size) != std::string_view(reinterpret_cast<const char *>(bytes), size)) {
      return false;
    }
    encoded.remove_prefix(4);
    text.remove_prefix(size);
  }
  return text.empty();
}

std::string_view trim(std::string_view text) noexcept {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_blank(text.front())) {
    text.remove_prefix(1);
  }
  while (!text.empty() && is_blank(text.back())) {
    text.remove_suffix(1);
  }
  return text;
}

// The text up to the next `;`, which may stand in quotes (RFC 9110, section 5.6.6), off the front.
std::string_view take_parameter(std::string_view *text) noexcept {
  bool quoted = false;
  std::size_t end = 0;
  for (; end < text->size() && (quoted || (*text)[end] != ';'); ++end) {
    if ((*text)[end] == '"') {
      quoted = !quoted;
    } else if (quoted && (*text)[end] == '\\') {
      ++end;
    }
  }
  end = end < text->size() ? end : text->size();
  const std::string_view parameter = trim(text->substr(0, end));
  text->remove_prefix(end < text->size() ? end + 1 : end);
  return parameter;
}

// Of all the ways to write a charset, and of all readers: RFC 2231 has charset*0="utf", and some split at semicolons in
// quotes, or take other bytes for blanks. So one that is there at all has to be `charset=utf-8`, once and plainly, and
// nothing else may stand for the word.
bool names_other_charset(std::string_view content_type) noexcept {
  constexpr std::string_view kCharset = "charset";
  std::size_t words = 0, good = 0;
  for (std::size_t i = 0; i < content_type.size(); ++i) {
    const auto c = static_cast<unsigned char>(content_type[i]);
    if ((c < 0x20 && c != '\t') || c > 0x7e || c == '%' || c == '*') {
      return true;
    }
    words += equal_caseless(content_type.substr(i, kCharset.size()), kCharset) ? 1U : 0U;
  }
  take_parameter(&content_type);  // the type
  while (words != 0 && !content_type.empty()) {
    const std::string_view parameter = take_parameter(&content_type);
    const std::size_t equals = parameter.find('=');
    if (equals == std::string_view::npos || !equal_caseless(trim(parameter.substr(0, equals)), kCharset)) {
      continue;
    }
    std::string_view value = trim(parameter.substr(equals + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    good += equal_caseless(value, "utf-8") || equal_caseless(value, "utf8") ? 1U : 0U;
  }
  return words > 1 || good != words;
}

// demanded: it has to be there.
bool is_there(const Field &field, bool demanded) noexcept { return field.count > 0 || demanded; }

// The table of the modern era: tasks/result is of the legacy one alone, and so are subscriptions to one resource.
bool must_have_name(Method method) noexcept {
  switch (method) {
    case Method::tools_call:
    case Method::prompts_get:
    case Method::resources_read:
    case Method::tasks_get:
    case Method::tasks_update:
    case Method::tasks_cancel:
      return true;
    default:
      return false;
  }
}

// Whether Mcp-Name, given once, says what the message is about. Of a method that the protocol doesn't know it may be any
// of what such methods are named by; one that is known to have no name has none in a field either.
bool says_name(std::string_view field, const Message &message) noexcept {
  if (name_kind(message.method()) != NameKind::none) {
    return says(field, message.name());
  }
  const std::array<std::string_view, 3> names = message.possible_names();
  return message.method() == Method::other && std::any_of(names.begin(), names.end(), [&](std::string_view name) {
           return !name.empty() && says(field, name);
         });
}

// Whether the fields that say what the message is about say it wrongly.
bool lie(const Message &message, const Fields &fields, bool demanded) noexcept {
  if (is_there(fields.method, demanded) && (fields.method.count != 1 || fields.method.value != message.method_text())) {
    return true;
  }
  return is_there(fields.name, demanded && must_have_name(message.method())) &&
         (fields.name.count != 1 || !says_name(fields.name.value, message));
}

Fault fault_of(const Message &message, const Fields &fields, Era era) noexcept {
  if (message.fault() != Fault::none) {
    return message.fault();
  }
  if (is_encoded(fields)) {
    return Fault::no_message;
  }
  if (fields.version.count > 1) {
    return Fault::field_differs;
  }
  if (message.kind() == MessageKind::response) {
    // A backend that goes by its fields would take it for a call. In the modern era no server asks a client anything.
    return names_message(fields) ? Fault::field_differs : era == Era::modern ? Fault::no_message : Fault::none;
  }
  const bool is_request = message.kind() == MessageKind::request;
  if (is_request && era == Era::modern) {
    if (era_of(fields.version.value) == Era::modern && !message.has_version()) {
      return Fault::no_version;
    }
  }
  if (is_request && message.has_version() && is_there(fields.version, era == Era::modern) &&
      fields.version.value != message.version()) {
    return Fault::field_differs;
  }
  return lie(message, fields, is_request && era == Era::modern) ? Fault::field_differs : Fault::none;
}

}  // namespace

bool says(std::string_view field, std::string_view text) noexcept {
  if (!is_sentinel(field)) {
    return field == text;
  }
  return is_base64_of(field.substr(kOpen.size(), field.size() - kOpen.size() - kClose.size()), text);
}

bool names_message(const Fields &fields) noexcept { return fields.method.count > 0 || fields.name.count > 0; }

bool is_encoded(const Fields &fields) noexcept {
  const bool other_coding = fields.content_encoding.count > 0 && !fields.content_encoding.value.empty() &&
                            !equal_caseless(fields.content_encoding.value, "identity");
  return fields.content_type.count > 1 || fields.content_encoding.count > 1 || other_coding ||
         names_other_charset(fields.content_type.value);
}

Call make_call(const Message &message, const Fields &fields) noexcept {
  Call call;
  const bool body_is_modern = message.kind() != MessageKind::notification && message.kind() != MessageKind::response &&
                              era_of(message.version()) == Era::modern;
  call.era = body_is_modern ? Era::modern : era_of(fields.version.value);
  call.fault = fault_of(message, fields, call.era);
  call.kind = message.kind();
  call.id = message.id();
  call.method = message.method_text();
  call.name = message.name();
  call.is_discover = call.method.empty() ? fields.method.value == to_text(Method::server_discover)
                                         : message.method() == Method::server_discover;
  call.takes_tool_result = call.fault == Fault::none && call.kind == MessageKind::request &&
                           message.method() == Method::tools_call && !message.has_task();
  return call;
}

Call make_call(const Fields &fields) noexcept {
  Call call;
  call.era = era_of(fields.version.value);
  call.is_discover = fields.method.value == to_text(Method::server_discover);
  return call;
}

HttpVerdict judge_http_method(const HttpRequest &request, Era era) noexcept {
  if (request.method == "POST") {
    return HttpVerdict::read_body;
  }
  const bool reads = request.method == "GET" || request.method == "HEAD";
  const bool asks = request.method == "OPTIONS";
  if (!reads && !asks && request.method != "DELETE") {
    return HttpVerdict::not_allowed;
  }
  if (request.has_message) {
    return HttpVerdict::has_message;
  }
  if (asks) {
    return HttpVerdict::options;
  }
  if (era == Era::modern) {
    return HttpVerdict::not_allowed;
  }
  if (!reads || !request.accepts_anonymous) {
    return HttpVerdict::needs_credential;
  }
  return request.resumes && !request.has_credential ? HttpVerdict::not_allowed : HttpVerdict::open_to_anonymous;
}

}  // namespace keyward::mcp
