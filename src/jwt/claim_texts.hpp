// What claims say as plain texts: for variables, logs and fields to a backend.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/heap_bytes.hpp"
#include "json/json.hpp"
#include "jwt/claim_path.hpp"

namespace keyward::jwt {

// Strings as they are, numbers as the token writes them, true and false; an array of these as its elements with single
// blanks between. Null, objects, and arrays that hold any of these or an array have no text. A text with control
// characters is percent-encoded: these and '%' itself; in an array blanks of an element, too, as they would look like
// its end. Immutable; at most three times as large as the claims themselves, and with each claim that is asked for by a
// path once more.
//
// A claim that is asked for by a path has a text whatever it is, but for null and for what is empty: an array its elements
// with commas between, each percent-encoded (all but RFC 3986's unreserved characters), an object its JSON. An element
// that is an array or an object is written as JSON, too.
class ClaimTexts {
 public:
  ClaimTexts() = default;
  explicit ClaimTexts(const json::Value &claims, const std::vector<ClaimPath> &paths = {});  // claims: an object

  // By a name that nginx can write in a variable: lower case, digits and '_'. The claim of exactly this name; without
  // one, the only claim whose name becomes it when letters are made small and all that is neither letter nor digit is
  // made '_'. Empty: there is none, or more than one.
  std::string_view find(std::string_view name) const noexcept;

  // Of one of the paths, by its place among them.
  std::string_view at(std::size_t path) const noexcept {
    return path < of_paths_.size() ? std::string_view(buffer_).substr(of_paths_[path].at, of_paths_[path].size)
                                   : std::string_view();
  }

  std::size_t heap_bytes() const noexcept {
    return keyward::heap_bytes(buffer_) + keyward::heap_bytes(all_) + keyward::heap_bytes(of_paths_);
  }

 private:
  struct Span {
    std::uint32_t at, size;
  };
  struct One {
    std::uint32_t name_at, name_size, text_at, text_size;
  };
  std::string_view name_of(const One &one) const noexcept {
    return std::string_view(buffer_).substr(one.name_at, one.name_size);
  }

  std::string buffer_;
  std::vector<One> all_;
  std::vector<Span> of_paths_;
};

}  // namespace keyward::jwt
