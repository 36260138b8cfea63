// Gathering bad lines.
#include "cli/bad_lines.hpp"

#include <algorithm>
#include <utility>

namespace keyward::cli {
namespace {

constexpr std::size_t kKeptProblems = 1000;  // the lines of more are only counted

}  // namespace

void BadLines::add(std::uint32_t line, std::string text) {
  if (lines_.size() <= line) {
    lines_.resize(std::size_t{line} + 1);
  }
  if (!lines_[line]) {
    lines_[line] = true;
    ++count_;
  }
  if (problems_.size() < kKeptProblems) {
    problems_.push_back({line, std::move(text)});
  }
}

std::vector<BadLine> BadLines::take() {
  std::stable_sort(problems_.begin(), problems_.end(), [](const auto &a, const auto &b) { return a.line < b.line; });
  std::vector<BadLine> lines;
  for (auto &problem : problems_) {
    if (!lines.empty() && lines.back().line == problem.line) {
      lines.back() = std::move(problem);  // the later one: what the store has says more than what the file has
    } else {
      lines.push_back(std::move(problem));
    }
  }
  return lines;
}

}  // namespace keyward::cli
