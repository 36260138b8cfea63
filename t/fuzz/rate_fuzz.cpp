// Rates and allowances: what is read is within its bounds, and its shortest spelling is read as the same.
#include "base/rate.hpp"

#include "fuzz.hpp"

using namespace keyward;

namespace {

void look_at_rate(std::string_view text) {
  Rate rate;
  std::string error;
  if (!parse_rate(text, &rate, &error)) {
    fuzz::must(!error.empty());
    return;
  }
  fuzz::must(error.empty() && rate.count >= 1 && rate.count <= kMaxRateCount);
  fuzz::must(rate.window_s >= 1 && rate.window_s <= kMaxWindowSeconds);
  fuzz::must(text.find_first_not_of("0123456789r/smhd") == std::string_view::npos && text.front() != '0');
  Rate again;
  fuzz::must(parse_rate(to_text(rate), &again, &error) && again == rate && to_text(rate).size() <= text.size());
}

void look_at_allowance(std::string_view text) {
  Allowance allowance;
  std::string error;
  if (!parse_allowance(text, &allowance, &error)) {
    fuzz::must(!error.empty());
    return;
  }
  fuzz::must(error.empty() && allowance.amount >= 1 && allowance.amount <= kMaxCredits);
  fuzz::must(allowance.window_s >= 1 && allowance.window_s <= kMaxWindowSeconds);
  Allowance again;
  fuzz::must(parse_allowance(to_text(allowance), &again, &error));
  fuzz::must(again.amount == allowance.amount && again.window_s == allowance.window_s);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  look_at_rate(text);
  look_at_allowance(text);
  return 0;
}
