// Items of structured fields (RFC 9651): names are printable, without quotes.
#include "answer/limit_fields.hpp"

namespace keyward {
namespace {

std::string quoted_name(const TightestLimit &limit) { return '"' + std::string(limit.name) + '"'; }

}  // namespace

std::string policy_field(const TightestLimit &limit) {
  return quoted_name(limit) + ";q=" + std::to_string(limit.state.limit) + ";w=" + std::to_string(limit.window_s);
}

std::string state_field(const TightestLimit &limit, std::uint64_t reset_s) {
  return quoted_name(limit) + ";r=" + std::to_string(limit.state.remaining) + ";t=" + std::to_string(reset_s);
}

}  // namespace keyward
