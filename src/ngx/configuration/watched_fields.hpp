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

// A server's fields, by name. They are kept by length, so that nearly every other field is told apart by one look.
class WatchedFields {
 public:
  // While the configuration is read. lowcase: small letters, digits and hyphens.
  void add(std::string_view lowcase, FieldUse use);

  FieldUse find(const ngx_table_elt_t *header) const noexcept {
    const std::size_t bucket = header->key.len & kMask;
    return (lengths_ >> bucket & 1) == 0 ? FieldUse::none : find_among(header, begin_[bucket], begin_[bucket + 1]);
  }

 private:
  static constexpr std::size_t kMask = 63;
  struct Field {
    std::string lowcase;
    FieldUse use;
  };

  FieldUse find_among(const ngx_table_elt_t *header, std::size_t begin, std::size_t end) const noexcept;

  std::uint64_t lengths_ = 0;                       // which lengths there are, modulo 64
  std::vector<Field> fields_;                       // by the length of their names, modulo 64
  std::array<std::uint8_t, kMask + 2> begin_ = {};  // where each length begins among them
};

// Adds all fields but those of the identity.
void watch_usual_fields(WatchedFields *watched);

}  // namespace keyward
