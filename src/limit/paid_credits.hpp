// What one request has paid from a balance, from its admission to its end, on its way through several locations.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "limit/credits.hpp"

namespace keyward {

// What a request can come to that gives its credits back; bits of a set.
enum CreditRefund : std::uint8_t {
  kRefundServerError = 1,    // its final status is 5xx
  kRefundInputRequired = 2,  // MCP: the call asks the user first
  kRefundError = 4,          // MCP: the call's result says isError
};
inline constexpr std::size_t kCreditRefunds = 3;

// By one request; settled once, when nothing can come of it any more.
class PaidCredits {
 public:
  PaidCredits() = default;
  PaidCredits(const PaidCredits &) = delete;
  PaidCredits &operator=(const PaidCredits &) = delete;

  const CreditPayment &paid() const noexcept { return paid_; }
  // What was left when it was last looked at; never below 0.
  std::uint64_t left() const noexcept { return left_; }
  const CreditTable *table() const noexcept { return table_; }  // nullptr: nothing was paid

  void note_left(std::int64_t left) noexcept { left_ = static_cast<std::uint64_t>(std::max<std::int64_t>(left, 0)); }

  // Of all that a location demands, which this is from now on, `refundable` says how much each outcome gives back.
  void note_paid(CreditTable *table, const Digest &account, const CreditPayment &paid,
                 const std::array<std::uint64_t, kCreditRefunds> &refundable) noexcept {
    table_ = table;
    account_ = account;
    paid_ = paid;
    refundable_ = refundable;
  }

  // May be said at any time until it is settled.
  void come_to(CreditRefund outcome) noexcept { outcomes_ |= outcome; }

  void settle() noexcept {
    std::uint64_t amount = 0;
    for (std::size_t i = 0; i < kCreditRefunds; ++i) {
      amount = (outcomes_ >> i & 1U) != 0 ? std::max(amount, refundable_[i]) : amount;
    }
    amount = std::min(amount, paid_.amount);
    if (table_ != nullptr && amount != 0) {
      table_->refund(account_, {paid_.epoch, amount});
    }
    forget();
  }
  // Where the memory that the balance lies in is gone.
  void forget() noexcept {
    table_ = nullptr;
    paid_ = {};
  }

 private:
  CreditTable *table_ = nullptr;
  Digest account_ = {};
  CreditPayment paid_;
  std::uint64_t left_ = 0;
  std::array<std::uint64_t, kCreditRefunds> refundable_ = {};
  unsigned outcomes_ = 0;
};

}  // namespace keyward
