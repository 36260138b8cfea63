// Following a path of names.
#include "jwt/claim_path.hpp"

namespace keyward::jwt {

ClaimPath::ClaimPath(std::string_view text) {
  if (text.find("://") == std::string_view::npos) {
    for (std::size_t dot = text.find('.'); dot != std::string_view::npos; dot = text.find('.')) {
      names_.emplace_back(text.substr(0, dot));
      text.remove_prefix(dot + 1);
    }
  }
  names_.emplace_back(text);
}

const json::Value *ClaimPath::find(const json::Value &claims) const noexcept {
  const json::Value *value = names_.empty() ? nullptr : &claims;
  for (const std::string &name : names_) {
    if (value == nullptr) {
      break;
    }
    value = value->find(name);  // only objects have members
  }
  return value;
}

}  // namespace keyward::jwt
