// Distances between words: how many letters were left out, added, replaced, or swapped with their neighbour.
#include "cli/nearest.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace keyward::cli {
namespace {

// Of words that are compared: shorter ones are all alike.
constexpr std::size_t kLeastLetters = 3, kMaxLetters = 64;

// One wrong letter in three.
std::size_t most_wrong(std::string_view word) noexcept { return std::max<std::size_t>(1, word.size() / 3); }

// The optimal string alignment distance; both are at most kMaxLetters long.
std::size_t distance(std::string_view a, std::string_view b) noexcept {
  std::array<std::array<std::size_t, kMaxLetters + 1>, 3> rows{};
  auto *before = &rows[0], *last = &rows[1], *row = &rows[2];
  for (std::size_t j = 0; j <= b.size(); ++j) {
    (*last)[j] = j;
  }
  for (std::size_t i = 1; i <= a.size(); ++i) {
    (*row)[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = (*last)[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      (*row)[j] = std::min({replaced, (*last)[j] + 1, (*row)[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        (*row)[j] = std::min((*row)[j], (*before)[j - 2] + 1);
      }
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return (*last)[b.size()];
}

}  // namespace

void Nearest::look_at(std::string_view candidate) {
  const std::size_t lengths =
      word_.size() > candidate.size() ? word_.size() - candidate.size() : candidate.size() - word_.size();
  if (word_.size() < kLeastLetters || word_.size() > kMaxLetters || candidate.size() > kMaxLetters ||
      candidate == word_) {
    return;
  }
  const std::size_t most = most_wrong(word_);
  // Its beginning is what somebody writes who shortens it.
  const bool shortened = word_.size() > 2 && candidate.substr(0, word_.size()) == word_;
  if (!shortened && lengths > most) {
    return;
  }
  const std::size_t wrong = shortened ? 1 : distance(word_, candidate);
  if (wrong <= most && (found_.empty() || wrong < distance_)) {
    found_ = candidate;
    distance_ = wrong;
  }
}

std::string nearest(std::string_view word, const std::vector<std::string> &candidates) {
  Nearest nearest(word);
  for (const auto &candidate : candidates) {
    nearest.look_at(candidate);
  }
  return nearest.found();
}

}  // namespace keyward::cli
