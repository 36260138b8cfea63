// What was last told of something that is tried again and again.
#pragma once

#include <string>

namespace keyward {

// Only another failure is told, and the end of one.
class LastFailure {
 public:
  // What the last try came to; empty: all is well. Whether that is news.
  bool becomes(const std::string &failure) {
    const bool is_news = failure != told_;
    told_ = failure;
    return is_news;
  }
  bool is_none() const noexcept { return told_.empty(); }

 private:
  std::string told_;
};

}  // namespace keyward
