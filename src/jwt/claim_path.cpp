// Following a path of names.
#include "jwt/claim_path.hpp"

namespace keyward::jwt {

namespace {

// RFC 6901, section 4: "~1" first, then "~0", which comes to the same as one pass.
std::string unescaped(std::string_view text) {
  std::string name;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escaped = text[i] == '~' && i + 1 < text.size();
    name += !escaped ? text[i] : text[++i] == '1' ? '/' : '~';
  }
  return name;
}

}  // namespace

bool ClaimPath::is_good_pointer(std::string_view text) noexcept {
  for (std::size_t at = text.find('~'); at != std::string_view::npos; at = text.find('~', at + 1)) {
    if (at + 1 == text.size() || (text[at + 1] != '0' && text[at + 1] != '1')) {
      return false;
    }
  }
  return is_pointer(text);
}

ClaimPath::ClaimPath(std::string_view text) : text_(text) {
  if (is_pointer(text)) {
    while (!text.empty()) {
      text.remove_prefix(1);
      const std::string_view name = text.substr(0, text.find('/'));
      names_.push_back(unescaped(name));
      text.remove_prefix(name.size());
    }
    return;
  }
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
