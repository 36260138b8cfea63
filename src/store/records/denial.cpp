// u8 version, u8 kind, u16 and name, u8 count; then for each issuer u8 and its name, i64 not_before, i64 until, i64
// denied_at.
#include "store/records/denial.hpp"

#include <algorithm>

#include "base/digest.hpp"
#include "base/text_rules.hpp"
#include "store/records/record_codec.hpp"

namespace keyward {

using namespace codec;

namespace {

struct EntryView {
  std::string_view issuer;
  std::int64_t not_before_s = 0, until_s = 0, denied_at_s = 0;
};

bool is_name(DenialKind kind, std::string_view name) noexcept {
  return kind == DenialKind::subject ? is_subject(name)
                                     : kind == DenialKind::jti && !name.empty() && name.size() <= kMaxJtiBytes;
}

bool take_head(std::string_view *content, DenialKind *kind, std::string_view *name, std::uint8_t *count) noexcept {
  std::uint8_t version = 0, number = 0;
  if (!take_int(content, &version) || version != kRecordVersion || !take_int(content, &number) ||
      !take_text<std::uint16_t>(content, name) || !take_int(content, count)) {
    return false;
  }
  *kind = static_cast<DenialKind>(number);
  return *count != 0 && is_name(*kind, *name);
}

bool take_entry(std::string_view *content, DenialKind kind, EntryView *entry) noexcept {
  return take_text<std::uint8_t>(content, &entry->issuer) && take_int(content, &entry->not_before_s) &&
         take_int(content, &entry->until_s) && take_int(content, &entry->denied_at_s) &&
         is_empty_or(entry->issuer, is_id) && is_time(entry->until_s) && is_time(entry->denied_at_s) &&
         (kind == DenialKind::subject ? entry->not_before_s > 0 : entry->not_before_s == 0);
}

bool has_ended(std::int64_t until_s, std::int64_t now_s) noexcept { return until_s != 0 && until_s <= now_s; }

}  // namespace

DenialKey denial_key(DenialKind kind, std::string_view name) noexcept {
  DenialKey key = {static_cast<std::uint8_t>(kind)};
  const Locator digest = locator_of(sha256(name));
  static_assert(std::tuple_size<DenialKey>::value == 1 + std::tuple_size<Locator>::value);
  std::copy(digest.begin(), digest.end(), key.begin() + 1);
  return key;
}

std::string encode(const DenialRecord &record) {
  std::string out;
  put_int(&out, kRecordVersion);
  put_int(&out, static_cast<std::uint8_t>(record.kind));
  bool fits = put_text<std::uint16_t>(&out, record.name, kMaxJtiBytes) && record.entries.size() <= kMaxDenialIssuers;
  put_int(&out, static_cast<std::uint8_t>(record.entries.size()));
  for (const DenialEntry &entry : record.entries) {
    fits = fits && put_text<std::uint8_t>(&out, entry.issuer, kMaxIdBytes);
    put_int(&out, entry.not_before_s);
    put_int(&out, entry.until_s);
    put_int(&out, entry.denied_at_s);
  }
  return fits ? out : std::string();
}

bool decode(std::string_view content, DenialRecord *record) {
  std::string_view name;
  std::uint8_t count = 0;
  if (!take_head(&content, &record->kind, &name, &count)) {
    return false;
  }
  record->name = name;
  record->entries.clear();
  for (; count != 0; --count) {
    EntryView entry;
    if (!take_entry(&content, record->kind, &entry) ||
        (!record->entries.empty() && record->entries.back().issuer >= entry.issuer)) {
      return false;
    }
    record->entries.push_back({std::string(entry.issuer), entry.not_before_s, entry.until_s, entry.denied_at_s});
  }
  return content.empty();
}

bool apply_denial(std::string_view content, DenialKind kind, std::string_view name, std::string_view issuer,
                  std::int64_t now_s, TokenDenial *denial) noexcept {
  DenialKind stored_kind = DenialKind::jti;
  std::string_view stored_name;
  std::uint8_t count = 0;
  if (!take_head(&content, &stored_kind, &stored_name, &count) || stored_kind != kind || stored_name != name) {
    return false;
  }
  for (; count != 0; --count) {
    EntryView entry;
    if (!take_entry(&content, kind, &entry)) {
      return false;
    }
    if ((entry.issuer.empty() || entry.issuer == issuer) && !has_ended(entry.until_s, now_s)) {
      denial->denied = denial->denied || kind == DenialKind::jti;
      denial->not_before_s = std::max(denial->not_before_s, entry.not_before_s);
    }
  }
  return content.empty();
}

bool merge(DenialRecord *record, const DenialEntry &entry) {
  const auto at = std::lower_bound(record->entries.begin(), record->entries.end(), entry,
                                   [](const DenialEntry &a, const DenialEntry &b) { return a.issuer < b.issuer; });
  if (at == record->entries.end() || at->issuer != entry.issuer) {
    if (record->entries.size() == kMaxDenialIssuers) {
      return false;
    }
    record->entries.insert(at, entry);
    return true;
  }
  at->not_before_s = std::max(at->not_before_s, entry.not_before_s);
  at->until_s = at->until_s == 0 || entry.until_s == 0 ? 0 : std::max(at->until_s, entry.until_s);
  at->denied_at_s = std::max(at->denied_at_s, entry.denied_at_s);
  return true;
}

bool denies_the_same(const DenialRecord &a, const DenialRecord &b) noexcept {
  return a.kind == b.kind && a.name == b.name &&
         std::equal(a.entries.begin(), a.entries.end(), b.entries.begin(), b.entries.end(),
                    [](const DenialEntry &x, const DenialEntry &y) {
                      return x.issuer == y.issuer && x.not_before_s == y.not_before_s && x.until_s == y.until_s;
                    });
}

bool is_over(const DenialRecord &record, std::int64_t now_s) noexcept {
  return std::all_of(record.entries.begin(), record.entries.end(),
                     [now_s](const DenialEntry &entry) { return has_ended(entry.until_s, now_s - kDenialGraceS); });
}

}  // namespace keyward
