// NumericDates (RFC 7519, section 2) and the clock.
#include <charconv>
#include <cmath>

#include "jwt/claims.hpp"

namespace keyward::jwt {

namespace {

constexpr std::size_t kWholeDigits = 15;  // below 2^53

// Seconds since 1970. A double holds every whole number up to 2^53 exactly; now and the leeway are far below.
struct Date {
  bool present = false;
  double seconds = 0;
};

// False if the claim is there and no finite number. 1e400 is none: as text it is valid JSON, as a number it is
// infinite.
bool read_date(const json::Value &claims, std::string_view name, Date *date) noexcept {
  const json::Value *value = claims.find(name);
  date->present = value != nullptr;
  if (value == nullptr) {
    return true;
  }
  if (value->type != json::Value::Type::number) {
    return false;
  }
  std::int64_t whole = 0;
  if (value->text.size() <= kWholeDigits && value->as_int(&whole)) {  // what nearly all are, and soonest read
    date->seconds = static_cast<double>(whole);
    return true;
  }
  const char *end = value->text.data() + value->text.size();
  const auto [stop, problem] = std::from_chars(value->text.data(), end, date->seconds);
  return problem == std::errc() && stop == end && std::isfinite(date->seconds);
}

std::int64_t to_int(double seconds) noexcept {
  constexpr double kLimit = 9223372036854775808.0;  // 2^63, where casting would be undefined
  return seconds >= kLimit ? INT64_MAX : seconds < -kLimit ? INT64_MIN : static_cast<std::int64_t>(seconds);
}

// Without exp or iat the lifetime is unknown, and a bound on it can't be held.
Cause check_lifetime(std::int64_t max_s, const Date &expiry, const Date &issued) noexcept {
  if (max_s == 0) {
    return Cause::none;
  }
  if (!expiry.present || !issued.present) {
    return Cause::unknown_lifetime;
  }
  return expiry.seconds - issued.seconds > static_cast<double>(max_s) ? Cause::lifetime_too_long : Cause::none;
}

}  // namespace

Finding check_times(const Issuer &issuer, const json::Value &claims, std::int64_t now_s, Times *times) noexcept {
  Date expiry;
  Date not_before;
  Date issued;
  if (!read_date(claims, "exp", &expiry)) {
    return {Cause::bad_time, NamedClaim::exp};
  }
  if (!read_date(claims, "nbf", &not_before)) {
    return {Cause::bad_time, NamedClaim::nbf};
  }
  if (!read_date(claims, "iat", &issued)) {
    return {Cause::bad_time, NamedClaim::iat};
  }
  if (issuer.require_expiry && !expiry.present) {
    return Cause::no_expiry;
  }
  const Cause lifetime = check_lifetime(issuer.max_lifetime_s, expiry, issued);
  if (lifetime != Cause::none) {
    return lifetime;
  }
  const auto now = static_cast<double>(now_s);
  const auto leeway = static_cast<double>(issuer.leeway_s);
  if (not_before.present && now < not_before.seconds - leeway) {
    return Cause::not_yet_valid;
  }
  if (issued.present && now < issued.seconds - leeway) {
    return Cause::issued_in_future;
  }
  times->has_issued_at = issued.present;
  times->issued_at_s = to_int(std::floor(issued.seconds));
  // RFC 7519, section 4.1.4: "on or after" exp it is no longer accepted.
  times->valid_until_s = expiry.present ? to_int(std::ceil(expiry.seconds + leeway)) : INT64_MAX;
  return now_s < times->valid_until_s ? Cause::none : Cause::expired;
}

}  // namespace keyward::jwt
