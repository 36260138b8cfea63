// Where a claim is: by its name, by names with dots between that lead into objects, or by a JSON Pointer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "json/json.hpp"

namespace keyward::jwt {

class ClaimPath {
 public:
  ClaimPath() = default;  // leads nowhere
  // "realm_access.roles" leads into an object. So does "/kubernetes.io/namespace", a JSON Pointer (RFC 6901), for names
  // that have dots or slashes themselves ("~1"); arrays aren't entered. A URL ("https://example.com/roles") is one name,
  // whatever dots it has. Which of these it is depends on the configuration alone, never on what a token holds.
  explicit ClaimPath(std::string_view text);
  // Whether that is what a JSON Pointer may be: each '~' followed by 0 or 1.
  static bool is_pointer(std::string_view text) noexcept { return !text.empty() && text.front() == '/'; }
  static bool is_good_pointer(std::string_view text) noexcept;

  bool empty() const noexcept { return names_.empty(); }
  // nullptr if there is no such claim; null is one.
  const json::Value *find(const json::Value &claims) const noexcept;

  const std::vector<std::string> &names() const noexcept { return names_; }
  // As it was written.
  std::string_view text() const noexcept { return text_; }

 private:
  std::string text_;
  std::vector<std::string> names_;
};

}  // namespace keyward::jwt
