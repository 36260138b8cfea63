// The request fields that keyward looks at before any decision, and what each of them is to it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ngx/nginx/ngx.hpp"

namespace keyward {

enum class FieldUse : std::uint8_t {
  none,
  identity,         // tells the backend who asks
  upgrade,          // asks for another protocol on this connection
  http2_settings,   // belongs to `Upgrade: h2c`
  method_override,  // makes some backends take the request for another method's
  url_override,     // makes some backends take the request for another URL's
  destination,      // where MOVE and COPY lead
  authorization,    // may hold a credential as a user's name
};

// A server's fields, by name. Length and first letter tell nearly every other field apart by one look.
class WatchedFields {
 public:
  // While the configuration is read. lowcase: small letters, digits and hyphens.
  void add(std::string_view lowcase, FieldUse use);

  FieldUse find(const ngx_table_elt_t *header) const noexcept {
    const std::size_t bucket = header->key.len & kMask;
    return header->key.len == 0 || (firsts_[bucket] & bit_of(header->key.data[0])) == 0
               ? FieldUse::none
               : find_among(header, begin_[bucket], begin_[bucket + 1]);
  }

 private:
  static constexpr std::size_t kMask = 63;
  struct Field {
    std::string lowcase;
    FieldUse use;
  };

  // One bit for a letter, capital or small.
  static std::uint32_t bit_of(unsigned char c) noexcept { return std::uint32_t{1} << (c & 31); }

  FieldUse find_among(const ngx_table_elt_t *header, std::size_t begin, std::size_t end) const noexcept;

  std::array<std::uint32_t, kMask + 1> firsts_ = {};  // with which letters names begin, by their lengths modulo 64
  std::vector<Field> fields_;                         // by the length of their names, modulo 64
  std::array<std::uint8_t, kMask + 2> begin_ = {};    // where each length begins among them
};

// Adds all fields but those of the identity.
void watch_usual_fields(WatchedFields *watched);

}  // namespace keyward
