// What claims say as plain texts: for variables, logs and fields to a backend.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/heap_bytes.hpp"
#include "json/json.hpp"

namespace keyward::jwt {

// Strings as they are, numbers as the token writes them, true and false; an array of these as its elements with single
// blanks between. Null, objects, and arrays that hold any of these or an array have no text. A text with control
// characters is percent-encoded: these and '%' itself; in an array blanks of an element, too, as they would look like
// its end. Immutable; at most three times as large as the claims themselves.
class ClaimTexts {
 public:
  ClaimTexts() = default;
  explicit ClaimTexts(const json::Value &claims);  // an object

  // By a name that nginx can write in a variable: lower case, digits and '_'. The claim of exactly this name; without
  // one, the only claim whose name becomes it when letters are made small and all that is neither letter nor digit is
  // made '_'. Empty: there is none, or more than one.
  std::string_view find(std::string_view name) const noexcept;

  std::size_t heap_bytes() const noexcept { return keyward::heap_bytes(buffer_) + keyward::heap_bytes(all_); }

 private:
  struct One {
    std::uint32_t name_at, name_size, text_at, text_size;
  };
  std::string_view name_of(const One &one) const noexcept {
    return std::string_view(buffer_).substr(one.name_at, one.name_size);
  }

  std::string buffer_;
  std::vector<One> all_;
};

}  // namespace keyward::jwt
