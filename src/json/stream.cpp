// What of the scanner doesn't depend on its sink.
#include "json/stream.hpp"

#include "base/ascii.hpp"

namespace keyward::json {

bool StreamScanner::open(bool is_object) noexcept {
  if (depth_ == kMaxDepth) {
    return refuse("too many levels of nesting");
  }
  std::uint64_t &word = objects_[depth_ / 64];
  const std::uint64_t bit = std::uint64_t{1} << depth_ % 64;
  word = is_object ? word | bit : word & ~bit;
  ++depth_;
  state_ = is_object ? State::first_name : State::first_value;
  return true;
}

bool StreamScanner::number_may_end() const noexcept {
  return number_ == Number::zero || number_ == Number::whole || number_ == Number::fraction || number_ == Number::power;
}

bool StreamScanner::take_number(char c) noexcept {
  const bool digit = is_digit(c);
  switch (number_) {
    case Number::minus:
      if (digit) {
        number_ = c == '0' ? Number::zero : Number::whole;
      }
      return digit;
    case Number::whole:
      if (digit) {
        return true;
      }
      [[fallthrough]];
    case Number::zero:
      if (c == '.') {
        number_ = Number::point;
        return true;
      }
      break;
    case Number::point:
      number_ = digit ? Number::fraction : number_;
      return digit;
    case Number::fraction:
      if (digit) {
        return true;
      }
      break;
    case Number::exponent:
      if (c == '+' || c == '-') {
        number_ = Number::sign;
        return true;
      }
      [[fallthrough]];
    case Number::sign:
    case Number::power:
      number_ = digit ? Number::power : number_;
      return digit;
  }
  if (c == 'e' || c == 'E') {
    number_ = Number::exponent;
    return true;
  }
  return false;
}

bool StreamScanner::is_whole() const noexcept {
  return problem_ == nullptr && (state_ == State::done || (depth_ == 0 && state_ == State::number && number_may_end()));
}

}  // namespace keyward::json
