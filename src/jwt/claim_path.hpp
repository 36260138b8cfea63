// Where a claim is: by its name, or by names with dots between that lead into objects.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "json/json.hpp"

namespace keyward::jwt {

class ClaimPath {
 public:
  ClaimPath() = default;  // leads nowhere
  // "realm_access.roles" leads into an object; a URL ("https://example.com/roles") is one name, whatever dots it has.
  // Which of the two it is depends on the configuration alone, never on what a token holds.
  explicit ClaimPath(std::string_view text);

  bool empty() const noexcept { return names_.empty(); }
  // nullptr if there is no such claim; null is one.
  const json::Value *find(const json::Value &claims) const noexcept;

  const std::vector<std::string> &names() const noexcept { return names_; }

 private:
  std::vector<std::string> names_;
};

}  // namespace keyward::jwt
