// A balance as the store keeps it over a restart.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "limit/credit_rule.hpp"

namespace keyward {

struct CreditRecord {
  CreditState state;
  std::uint64_t table = 0;  // CreditTable::id() of who wrote it last, whose count `state.own` is
};

std::string encode(const CreditRecord &record);
// false for anything that encode() wouldn't have written.
bool decode(std::string_view content, CreditRecord *record) noexcept;

}  // namespace keyward
