// What the operator has done to a subject's balance, as its record keeps it.
#pragma once

#include <cstdint>

namespace keyward {

// Numbers of changes rise, also over a record's removal, so that whoever spends the balance knows which of them it has
// seen.
struct CreditGrant {
  std::uint64_t changed = 0;  // the number of the last change; 0: there was none
  std::uint64_t set = 0;      // that of the last change which set the balance; 0: none has, or it was taken away again
  std::uint64_t amount = 0;   // what that set
  std::int64_t added = 0;     // what was added since, less what was taken

  friend bool operator==(const CreditGrant &a, const CreditGrant &b) noexcept {
    return a.changed == b.changed && a.set == b.set && a.amount == b.amount && a.added == b.added;
  }
};

}  // namespace keyward
