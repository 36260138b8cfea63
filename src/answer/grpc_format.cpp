// Refusals for gRPC: an answer of header fields alone ("Trailers-Only" in "gRPC over HTTP2").
#include "answer/media_type.hpp"
#include "answer/refusal_facts.hpp"

namespace keyward {
namespace {

// Everything but visible ASCII and blanks, and '%' itself.
std::string percent_encoded(std::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (c >= ' ' && c <= '~' && c != '%') {
      encoded += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded += '%';
    encoded += kDigits[byte >> 4];
    encoded += kDigits[byte & 15];
  }
  return encoded;
}

}  // namespace

void write_grpc(const RefusalFacts &facts, Refusal *refusal) {
  const std::string_view type = grpc_type_of(facts.reader.content_type);
  refusal->is_final = true;
  refusal->is_fields_only = true;
  refusal->shown_status = 200;
  refusal->content_type = type.empty() ? "application/grpc" : type;
  refusal->fields.push_back({"grpc-status", "grpc-status", std::to_string(info(facts.outcome.reason).grpc)});
  refusal->fields.push_back({"grpc-message", "grpc-message", percent_encoded(facts.answer.message)});
}

}  // namespace keyward
