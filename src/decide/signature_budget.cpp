// Time for signatures, and addresses that have sent wrong ones.
#include "decide/signature_budget.hpp"

#include <algorithm>
#include <functional>

namespace keyward {
namespace {

std::uint64_t name_of(std::string_view address) noexcept { return std::hash<std::string_view>()(address); }

}  // namespace

SignatureBudget SignatureBudget::unlimited() noexcept {
  SignatureBudget budget;
  budget.unlimited_ = true;
  return budget;
}

bool SignatureBudget::admits(std::uint32_t cost_us, std::string_view address, std::uint64_t now_ms) noexcept {
  if (unlimited_) {
    return true;
  }
  const std::uint64_t passed_ms = now_ms - filled_ms_;
  filled_ms_ = now_ms;
  left_us_ = passed_ms >= kFullUs / kUsPerMs
                 ? kFullUs
                 : std::min(kFullUs, left_us_ + static_cast<std::uint32_t>(passed_ms) * kUsPerMs);
  if (cost_us > kMostUs || cost_us > left_us_ || is_suspect(address, now_ms)) {
    return false;
  }
  left_us_ -= cost_us;
  return true;
}

void SignatureBudget::note_wrong(std::string_view address, std::uint64_t now_ms) noexcept {
  const std::uint64_t name = name_of(address);
  suspects_[name % kSuspects] = {name, now_ms + kSuspectMs};
}

bool SignatureBudget::is_suspect(std::string_view address, std::uint64_t now_ms) const noexcept {
  const std::uint64_t name = name_of(address);
  const Suspect &found = suspects_[name % kSuspects];
  return found.name == name && now_ms < found.until_ms;
}

}  // namespace keyward
