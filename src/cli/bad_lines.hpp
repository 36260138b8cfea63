// The bad lines of an import, gathered as they are found.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/outcome.hpp"

namespace keyward::cli {

class BadLines {
 public:
  void add(std::uint32_t line, std::string text);
  std::size_t count() const noexcept { return count_; }
  std::vector<BadLine> take();  // each once, in order; not all, where there are very many

 private:
  std::vector<BadLine> problems_;  // a line may have several
  std::vector<bool> lines_;        // by number
  std::size_t count_ = 0;
};

}  // namespace keyward::cli
