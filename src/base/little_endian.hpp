// Little-endian integers in byte strings: the store's records.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace keyward {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the store's records are little-endian");

template <typename Int>
void put_int(std::string *out, Int value) {
  static_assert(std::is_integral_v<Int>);
  char bytes[sizeof(Int)];
  std::memcpy(bytes, &value, sizeof(Int));
  out->append(bytes, sizeof(Int));
}

// Takes an integer from the front of in; false if in is too short.
template <typename Int>
bool take_int(std::string_view *in, Int *value) noexcept {
  static_assert(std::is_integral_v<Int>);
  if (in->size() < sizeof(Int)) {
    return false;
  }
  std::memcpy(value, in->data(), sizeof(Int));
  in->remove_prefix(sizeof(Int));
  return true;
}

}  // namespace keyward
