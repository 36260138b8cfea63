// The word that somebody may have meant who mistyped one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace keyward::cli {

// Keeps the nearest of the words that it is shown.
class Nearest {
 public:
  explicit Nearest(std::string_view word) : word_(word) {}
  void look_at(std::string_view candidate);
  // Empty: none is near enough. The word itself is none.
  const std::string &found() const noexcept { return found_; }

 private:
  std::string_view word_;
  std::string found_;
  std::size_t distance_ = 0;
};

std::string nearest(std::string_view word, const std::vector<std::string> &candidates);

}  // namespace keyward::cli
