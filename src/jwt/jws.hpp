// The compact form of a JWS (RFC 7515, section 7.1), taken apart strictly.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "crypto/algorithm.hpp"
#include "jwt/cause.hpp"

namespace keyward::jwt {

inline constexpr std::size_t kMaxTokenBytes = 65536;  // keyward_max_credential may say so

// Of the header only this is ever used: jku, jwk, x5u and x5c are not followed, nor looked at.
struct Header {
  crypto::Algorithm algorithm = crypto::Algorithm::eddsa;
  bool has_kid = false;
  std::string kid;
  bool has_type = false;
  std::string type;  // typ, as written
};

struct Jws {
  Header header;
  std::string payload;
  std::string signature;
  std::string_view signed_text;  // into the token
};

// Cause::none, or too_long, not_three_parts, bad_encoding, bad_header, bad_header_member, critical_header,
// unknown_algorithm. The header is not to be believed before the signature is verified. At most a few times the token's
// size in memory.
Cause parse_jws(std::string_view token, Jws *jws);

// RFC 7515, section 4.1.9: media types without regard to case, "application/" left out or not.
bool is_same_type(std::string_view type, std::string_view wanted) noexcept;

}  // namespace keyward::jwt
