// A text that is wiped when it goes: a key that was typed or minted.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/digest.hpp"

namespace keyward {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string &&text) noexcept : text_(std::move(text)) {}
  explicit Secret(std::string_view text) : text_(text) {}
  Secret(Secret &&other) noexcept : text_(std::move(other.text_)) { other.clear(); }
  Secret &operator=(Secret &&other) noexcept {
    clear();
    text_ = std::move(other.text_);
    other.clear();
    return *this;
  }
  Secret(const Secret &) = delete;
  Secret &operator=(const Secret &) = delete;
  ~Secret() { clear(); }

  std::string_view view() const noexcept { return text_; }
  bool empty() const noexcept { return text_.empty(); }

  void clear() noexcept {
    text_.resize(text_.capacity());  // no allocation: what a move left behind counts, too
    wipe(text_.data(), text_.size());
    text_.clear();
  }

 private:
  std::string text_;
};

}  // namespace keyward
