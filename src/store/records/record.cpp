// The forms of subjects, plans and usage on disk, and new ids.
#include "store/records/record.hpp"

#include <array>

#include "base/digest.hpp"
#include "store/records/record_codec.hpp"

namespace keyward {

using namespace codec;

namespace {

constexpr std::uint8_t kSubjectScopes = 1, kSubjectCredits = 2;
constexpr std::uint8_t kPlanScopes = 1, kPlanLimits = 2, kPlanMaxKeys = 4, kPlanNoAccess = 8, kPlanDefault = 16;
constexpr std::uint8_t kConcurrencyTag = 1;  // of a plan: u32
constexpr std::uint8_t kGrantTag = 1;        // of a subject: u64 changed, u64 set, i64 added

// What stands behind a plan's limits: nothing in the first version, its fields in the second.
bool take_fields(std::uint8_t version, std::string_view *in, PlanView *view) noexcept {
  view->concurrency = 0;
  if (version == kRecordVersion) {
    return in->empty();
  }
  std::uint8_t tag = 0;
  std::string_view number;
  return take_tagged(in, &tag, &number) && tag == kConcurrencyTag && take_int(&number, &view->concurrency) &&
         number.empty() && view->concurrency != 0 && view->concurrency <= kMaxConcurrency && in->empty();
}

// The first version has a flag and an amount: what was set once, and nothing since.
bool is_plain(const CreditGrant &grant) noexcept {
  return grant.added == 0 && grant.changed == grant.set && grant.changed <= 1;
}

bool is_grant_of_credits(const CreditGrant &grant) noexcept {
  constexpr auto kMost = static_cast<std::int64_t>(kMaxCredits);
  return grant.set <= grant.changed && (grant.set != 0 || grant.amount == 0) && grant.added >= -kMost &&
         grant.added <= kMost && (is_plain(grant) || grant.amount <= kMaxCredits) &&
         (grant.changed != 0 || grant == CreditGrant());
}

bool take_fields(std::uint8_t version, std::string_view *in, CreditGrant *grant) noexcept {
  if (version == kRecordVersion) {
    return in->empty();
  }
  std::uint8_t tag = 0;
  std::string_view numbers;
  return take_tagged(in, &tag, &numbers) && tag == kGrantTag && take_int(&numbers, &grant->changed) &&
         take_int(&numbers, &grant->set) && take_int(&numbers, &grant->added) && numbers.empty() && in->empty() &&
         !is_plain(*grant);
}

bool is_allowance(const Allowance &allowance) noexcept {
  return allowance.window_s <= kMaxWindowSeconds && (allowance.window_s != 0 || allowance.amount == 0);
}

}  // namespace

std::string encode(const SubjectRecord &record) {
  const int flags = (record.scopes.present ? kSubjectScopes : 0) | (record.credits.set != 0 ? kSubjectCredits : 0);
  std::string out;
  put_int(&out, is_plain(record.credits) ? kRecordVersion : kTaggedRecordVersion);
  put_int(&out, static_cast<std::uint8_t>(record.state));
  put_int(&out, static_cast<std::uint8_t>(flags));
  put_int(&out, record.credits.amount);
  put_int(&out, record.created_at_s);
  put_int(&out, record.changed_at_s);
  if (!put_text<std::uint8_t>(&out, record.plan, kMaxPlanBytes) || !put_scopes(&out, record.scopes)) {
    return {};
  }
  if (!is_plain(record.credits)) {
    std::string numbers;
    put_int(&numbers, record.credits.changed);
    put_int(&numbers, record.credits.set);
    put_int(&numbers, record.credits.added);
    put_tagged(&out, kGrantTag, numbers);
  }
  return out;
}

bool decode(std::string_view content, SubjectView *view) noexcept {
  std::uint8_t version = 0, state = 0, flags = 0;
  if (!take_int(&content, &version) || (version != kRecordVersion && version != kTaggedRecordVersion) ||
      !take_int(&content, &state) || !take_int(&content, &flags) || flags > (kSubjectScopes | kSubjectCredits)) {
    return false;
  }
  const bool has_credits = (flags & kSubjectCredits) != 0;
  view->credits = {};
  view->credits.changed = view->credits.set = has_credits ? 1 : 0;
  view->state = static_cast<SubjectState>(state);
  view->has_scopes = (flags & kSubjectScopes) != 0;
  return take_int(&content, &view->credits.amount) && take_int(&content, &view->created_at_s) &&
         take_int(&content, &view->changed_at_s) && take_text<std::uint8_t>(&content, &view->plan) &&
         take_scopes(&content, view->has_scopes, &view->scopes) && take_fields(version, &content, &view->credits) &&
         (view->state == SubjectState::active || view->state == SubjectState::blocked) &&
         has_credits == (view->credits.set != 0) && is_grant_of_credits(view->credits) && is_time(view->created_at_s) &&
         is_time(view->changed_at_s) && is_empty_or(view->plan, is_plan_name);
}

SubjectRecord to_record(std::string_view subject, const SubjectView &view) {
  SubjectRecord record;
  record.subject = subject;
  record.state = view.state;
  record.plan = view.plan;
  record.scopes = to_scopes(view.has_scopes, view.scopes);
  record.credits = view.credits;
  record.created_at_s = view.created_at_s;
  record.changed_at_s = view.changed_at_s;
  return record;
}

std::string encode(const PlanRecord &record) {
  const int flags = (record.scopes.present ? kPlanScopes : 0) | (record.limits.present ? kPlanLimits : 0) |
                    (record.has_max_keys ? kPlanMaxKeys : 0) | (record.no_access ? kPlanNoAccess : 0) |
                    (record.is_default ? kPlanDefault : 0);
  std::string out;
  put_int(&out, record.concurrency == 0 ? kRecordVersion : kTaggedRecordVersion);
  put_int(&out, static_cast<std::uint8_t>(flags));
  put_int(&out, record.max_keys);
  put_int(&out, record.credits.amount);
  put_int(&out, record.credits.window_s);
  if (!put_scopes(&out, record.scopes) || !put_limits(&out, record.limits)) {
    return {};
  }
  if (record.concurrency != 0) {
    std::string number;
    put_int(&number, record.concurrency);
    put_tagged(&out, kConcurrencyTag, number);
  }
  return out;
}

bool decode(std::string_view content, PlanView *view) noexcept {
  std::uint8_t version = 0, flags = 0;
  if (!take_int(&content, &version) || (version != kRecordVersion && version != kTaggedRecordVersion) ||
      !take_int(&content, &flags) ||
      flags > (kPlanScopes | kPlanLimits | kPlanMaxKeys | kPlanNoAccess | kPlanDefault)) {
    return false;
  }
  view->has_scopes = (flags & kPlanScopes) != 0;
  view->has_limits = (flags & kPlanLimits) != 0;
  view->has_max_keys = (flags & kPlanMaxKeys) != 0;
  view->no_access = (flags & kPlanNoAccess) != 0;
  view->is_default = (flags & kPlanDefault) != 0;
  return take_int(&content, &view->max_keys) && take_int(&content, &view->credits.amount) &&
         take_int(&content, &view->credits.window_s) && take_scopes(&content, view->has_scopes, &view->scopes) &&
         take_limits(&content, view->has_limits, &view->limits) && take_fields(version, &content, view) &&
         (view->has_max_keys || view->max_keys == 0) && is_allowance(view->credits);
}

bool is_newer_plan(std::string_view content) noexcept {
  PlanView view;
  return is_tagged_record(content) || (decode(content, &view) && has_calendar_rate(view.limits));
}

bool is_newer_subject(std::string_view content) noexcept { return is_tagged_record(content); }

PlanRecord to_record(std::string_view name, const PlanView &view) {
  PlanRecord record;
  record.name = name;
  record.scopes = to_scopes(view.has_scopes, view.scopes);
  record.limits = to_limits(view.has_limits, view.limits);
  record.max_keys = view.max_keys;
  record.has_max_keys = view.has_max_keys;
  record.concurrency = view.concurrency;
  record.credits = view.credits;
  record.no_access = view.no_access;
  record.is_default = view.is_default;
  return record;
}

std::string encode(const UsageRecord &record) {
  std::string out;
  put_int(&out, kRecordVersion);
  put_int(&out, record.refusal);
  put_int(&out, record.uses);
  put_int(&out, record.last_used_s);
  put_int(&out, record.refused_s);
  return out;
}

bool decode(std::string_view content, UsageRecord *record) noexcept {
  std::uint8_t version = 0;
  return take_int(&content, &version) && version == kRecordVersion && take_int(&content, &record->refusal) &&
         take_int(&content, &record->uses) && take_int(&content, &record->last_used_s) &&
         take_int(&content, &record->refused_s) && content.empty() && is_time(record->last_used_s) &&
         is_time(record->refused_s);
}

Locator purge_name(std::string_view id) noexcept { return locator_of(sha256(id)); }

std::string encode_purge(std::int64_t purged_at_s) {
  std::string out;
  put_int(&out, kRecordVersion);
  put_int(&out, purged_at_s);
  return out;
}

bool decode_purge(std::string_view content, std::int64_t *purged_at_s) noexcept {
  std::uint8_t version = 0;
  return take_int(&content, &version) && version == kRecordVersion && take_int(&content, purged_at_s) &&
         content.empty() && is_time(*purged_at_s);
}

std::string new_id(std::string_view prefix, std::int64_t now_ms) { return make_id(prefix, now_ms, random_bytes<16>()); }

std::string make_id(std::string_view prefix, std::int64_t now_ms, const Bytes<16> &chance) {
  constexpr std::size_t kTimeBytes = 6;
  constexpr char kAlphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  Bytes<16> number = chance;
  auto time = static_cast<std::uint64_t>(now_ms < 0 ? 0 : now_ms);
  for (std::size_t i = kTimeBytes; i-- > 0; time >>= 8) {
    number[i] = static_cast<std::uint8_t>(time);
  }
  std::array<char, kNewIdDigits> digits;
  for (std::size_t i = kNewIdDigits; i-- > 0;) {  // long division: the remainder is the next digit
    unsigned remainder = 0;
    for (std::uint8_t &byte : number) {
      const unsigned part = remainder * 256 + byte;
      byte = static_cast<std::uint8_t>(part / 62);
      remainder = part % 62;
    }
    digits[i] = kAlphabet[remainder];
  }
  std::string id(prefix);
  id.append(digits.data(), digits.size());
  return id;
}

}  // namespace keyward
