// Media types in a request's fields (RFC 9110, section 8.3.1 and 12.5.1).
#pragma once

#include <string_view>

namespace keyward {

// Whether Accept names this type, with a weight other than 0. Wildcards don't name it.
bool names_type(std::string_view accept, std::string_view type) noexcept;

// The type of a Content-Type, without its parameters, if it is one of gRPC's: application/grpc, with a subtype behind
// '+', and gRPC-Web's. Empty: it is another one.
std::string_view grpc_type_of(std::string_view content_type) noexcept;

}  // namespace keyward
