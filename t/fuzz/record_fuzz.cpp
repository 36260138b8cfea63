// Records as they lie in the store: what decodes is, byte for byte, what would have been written.
#include "store/records/record.hpp"

#include <algorithm>
#include <string>

#include "fuzz.hpp"
#include "store/records/denial.hpp"
#include "store/records/journal.hpp"
#include "usage/window_record.hpp"

using namespace keyward;

namespace {

template <typename View>
void look_at(std::string_view content, std::string_view name) {
  View view;
  if (decode(content, &view)) {
    fuzz::must(encode(to_record(name, view)) == content);
  }
}

void look_at_limits(std::string_view content) {
  KeyView view;
  if (!decode(content, &view)) {
    return;
  }
  fuzz::must(limit_count(view.limits) <= kMaxLimits);
  for (std::size_t i = 0; i < limit_count(view.limits); ++i) {
    const Rate rate = limit_at(view.limits, i);
    fuzz::must(rate.count >= 1 && rate.count <= kMaxRateCount && rate.window_s >= 1 &&
               rate.window_s <= kMaxWindowSeconds);
  }
}

void look_at_window(std::string_view content) {
  WindowRecord record;
  const std::size_t name_bytes = std::min(record_key(record).size(), content.size());
  const std::string_view name = content.substr(0, name_bytes), rest = content.substr(name_bytes);
  if (!decode(name, rest, &record)) {
    return;
  }
  fuzz::must(record_key(record) == name && encode(record) == rest);
  constexpr std::int64_t kNow = 1'700'000'000'000;
  const WindowRecord again = to_record(to_carried(record, kNow), record.of_address, kNow);
  fuzz::must(record_key(again) == name && encode(again) == rest && again.is_over(kNow) == record.is_over(kNow));
}

}  // namespace

// The first byte says what it is taken for, so that one corpus has them all.
int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view content = fuzz::text_of(data + 1, size - 1);
  switch (data[0]) {
    case 'k':
      look_at<KeyView>(content, "key");
      look_at_limits(content);
      break;
    case 's':
      look_at<SubjectView>(content, "subject");
      break;
    case 'p':
      look_at<PlanView>(content, "plan");
      break;
    case 'u': {
      UsageRecord record;
      fuzz::must(!decode(content, &record) || encode(record) == content);
      break;
    }
    case 'g': {
      std::int64_t purged_at_s = 0;
      fuzz::must(!decode_purge(content, &purged_at_s) || encode_purge(purged_at_s) == content);
      break;
    }
    case 'd': {
      DenialRecord record;
      fuzz::must(!decode(content, &record) || encode(record) == content);
      TokenDenial denial;
      fuzz::must(!decode(content, &record) ||
                 apply_denial(content, record.kind, record.name, record.entries.front().issuer, 0, &denial));
      break;
    }
    case 'j': {
      JournalEntry entry;
      fuzz::must(!decode(content, &entry) || encode(entry) == content);
      break;
    }
    case 'w':
      look_at_window(content);
      break;
    default:
      break;
  }
  return 0;
}
