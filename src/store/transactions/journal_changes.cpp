// What an entry says of two records, and the words for it.
#include <algorithm>
#include <iterator>

#include "base/networks.hpp"
#include "base/time_text.hpp"
#include "store/records/journal.hpp"

namespace keyward {

namespace {

using Text = std::optional<std::string>;

Text text_or_none(std::string_view text) { return text.empty() ? Text() : Text(text); }
Text time_or_none(std::int64_t time_s) { return time_s == 0 ? Text() : Text(to_rfc3339(time_s)); }
Text number_or_none(std::uint32_t number) { return number == 0 ? Text() : Text(std::to_string(number)); }
Text mark(bool set) { return set ? Text("yes") : Text(); }

Text list(const OptionalList<std::string> &scopes) {
  if (!scopes.present) {
    return {};
  }
  std::string text;
  for (const std::string &scope : scopes.items) {
    text.append(text.empty() ? "" : " ").append(scope);
  }
  return text;
}

Text list(const OptionalList<Rate> &limits) {
  if (!limits.present) {
    return {};
  }
  return to_text(limits.items);
}

// Compares a field of two records, of which either may be missing.
template <typename Record>
class Comparison {
 public:
  Comparison(const Record *before, const Record *after) : before_(before), after_(after) {}

  template <typename Get>
  void look(Field field, Get get) {
    Text before = before_ != nullptr ? get(*before_) : Text();
    Text after = after_ != nullptr ? get(*after_) : Text();
    if (before != after) {
      changes_.push_back({field, std::move(before), std::move(after)});
    }
  }
  std::vector<FieldChange> take() { return std::move(changes_); }

 private:
  const Record *before_, *after_;
  std::vector<FieldChange> changes_;
};

// What was done to a balance, of which the store doesn't know what is left: "1000" is what it was set to, "+10" what was
// added; before: what can't be spent any more.
void note_grant(const CreditGrant &before, const CreditGrant &after, std::vector<FieldChange> *changes) {
  if (before == after) {
    return;
  }
  const auto total = [](const CreditGrant &grant) { return static_cast<std::int64_t>(grant.amount) + grant.added; };
  const auto with_sign = [](std::int64_t number) { return (number < 0 ? "" : "+") + std::to_string(number); };
  FieldChange change;
  change.field = Field::credits;
  if (after.set == before.set && after.changed != 0) {
    change.after = with_sign(after.added - before.added);
  } else if (after.set != 0) {
    change.after = std::to_string(total(after));
  } else {
    change.before = before.set != 0 ? std::to_string(total(before)) : with_sign(before.added);
    change.after = after.added != 0 ? Text(with_sign(after.added)) : Text();
  }
  if (change.before != change.after) {
    changes->push_back(std::move(change));
  }
}

struct OperationName {
  std::string_view text, target;
};
// In the order of their numbers.
constexpr OperationName kOperations[] = {
    {"key_created", "key"},         {"keys_imported", "key"},       {"key_changed", "key"},
    {"key_suspended", "key"},       {"key_resumed", "key"},         {"key_activated", "key"},
    {"key_rotated", "key"},         {"key_revoked", "key"},         {"key_refiled", "key"},
    {"key_removed", "key"},         {"key_purged", "key"},          {"subject_created", "subject"},
    {"subject_changed", "subject"}, {"subject_blocked", "subject"}, {"subject_unblocked", "subject"},
    {"subject_removed", "subject"}, {"plan_created", "plan"},       {"plan_changed", "plan"},
    {"plan_removed", "plan"},       {"token_denied", "jti"},        {"subject_denied", "subject"},
    {"store_restored", ""},         {"store_upgraded", ""},         {"journal_trimmed", ""},
    {"limits_reset", "key"},
};
static_assert(std::size(kOperations) == static_cast<std::size_t>(kLastOperation));

constexpr std::string_view kFields[] = {
    "state",       "name",      "subject",  "plan",    "scopes",   "limits",      "expires_at", "overlap_until",
    "predecessor", "successor", "verifier", "credits", "max_keys", "no_access",   "is_default", "issuer",
    "not_before",  "until",     "count",    "version", "before",   "concurrency", "allow_from", "meta"};
static_assert(std::size(kFields) == static_cast<std::size_t>(kLastField));

}  // namespace

std::string_view to_text(Operation operation) noexcept {
  const auto i = static_cast<std::size_t>(operation) - 1;
  return i < std::size(kOperations) ? kOperations[i].text : std::string_view();
}

std::string_view target_of(Operation operation) noexcept {
  const auto i = static_cast<std::size_t>(operation) - 1;
  return i < std::size(kOperations) ? kOperations[i].target : std::string_view();
}

std::string_view to_text(Field field) noexcept {
  const auto i = static_cast<std::size_t>(field) - 1;
  return i < std::size(kFields) ? kFields[i] : std::string_view();
}

std::string_view to_text(AuthorKind kind) noexcept {
  switch (kind) {
    case AuthorKind::command:
      return "command";
    case AuthorKind::api:
      return "api";
    case AuthorKind::worker:
      return "worker";
  }
  return {};
}

std::vector<FieldChange> changes_between(const KeyRecord *before, const KeyRecord *after) {
  Comparison<KeyRecord> fields(before, after);
  fields.look(Field::state, [](const KeyRecord &key) { return Text(to_text(key.state)); });
  fields.look(Field::name, [](const KeyRecord &key) { return text_or_none(key.name); });
  fields.look(Field::subject, [](const KeyRecord &key) { return text_or_none(key.subject); });
  fields.look(Field::plan, [](const KeyRecord &key) { return text_or_none(key.plan); });
  fields.look(Field::scopes, [](const KeyRecord &key) { return list(key.scopes); });
  fields.look(Field::limits, [](const KeyRecord &key) { return list(key.limits); });
  fields.look(Field::expires_at, [](const KeyRecord &key) { return time_or_none(key.expires_at_s); });
  fields.look(Field::overlap_until, [](const KeyRecord &key) { return time_or_none(key.overlap_until_s); });
  fields.look(Field::predecessor, [](const KeyRecord &key) { return text_or_none(key.predecessor); });
  fields.look(Field::successor, [](const KeyRecord &key) { return text_or_none(key.successor); });
  fields.look(Field::verifier, [](const KeyRecord &key) { return Text(to_text(key.verifier_kind)); });
  fields.look(Field::concurrency, [](const KeyRecord &key) { return number_or_none(key.concurrency); });
  fields.look(Field::allow_from, [](const KeyRecord &key) { return text_or_none(networks_text(key.allow_from)); });
  // Not what it says: that may be about people, and an entry is kept for long.
  const std::string_view meta_before = before != nullptr ? std::string_view(before->meta) : std::string_view();
  fields.look(Field::meta, [&](const KeyRecord &key) {
    return key.meta.empty()                                                   ? Text()
           : &key == after && !meta_before.empty() && key.meta != meta_before ? Text("changed")
                                                                              : Text("set");
  });
  return fields.take();
}

std::vector<FieldChange> changes_between(const SubjectRecord *before, const SubjectRecord *after) {
  Comparison<SubjectRecord> fields(before, after);
  fields.look(Field::state, [](const SubjectRecord &subject) {
    return Text(subject.state == SubjectState::blocked ? "blocked" : "active");
  });
  fields.look(Field::plan, [](const SubjectRecord &subject) { return text_or_none(subject.plan); });
  fields.look(Field::scopes, [](const SubjectRecord &subject) { return list(subject.scopes); });
  std::vector<FieldChange> changes = fields.take();
  note_grant(before != nullptr ? before->credits : CreditGrant(), after != nullptr ? after->credits : CreditGrant(),
             &changes);
  return changes;
}

std::vector<FieldChange> changes_between(const PlanRecord *before, const PlanRecord *after) {
  Comparison<PlanRecord> fields(before, after);
  fields.look(Field::scopes, [](const PlanRecord &plan) { return list(plan.scopes); });
  fields.look(Field::limits, [](const PlanRecord &plan) { return list(plan.limits); });
  fields.look(Field::credits, [](const PlanRecord &plan) { return text_or_none(to_text(plan.credits)); });
  fields.look(Field::max_keys,
              [](const PlanRecord &plan) { return plan.has_max_keys ? Text(std::to_string(plan.max_keys)) : Text(); });
  fields.look(Field::no_access, [](const PlanRecord &plan) { return mark(plan.no_access); });
  fields.look(Field::is_default, [](const PlanRecord &plan) { return mark(plan.is_default); });
  fields.look(Field::concurrency, [](const PlanRecord &plan) { return number_or_none(plan.concurrency); });
  return fields.take();
}

// The issuer says which tokens are meant, so it is always there.
std::vector<FieldChange> changes_between(const DenialEntry *before, const DenialEntry &after) {
  Comparison<DenialEntry> fields(before, &after);
  std::vector<FieldChange> changes;
  if (!after.issuer.empty()) {
    changes.push_back({Field::issuer, {}, after.issuer});
  }
  fields.look(Field::not_before, [](const DenialEntry &entry) { return time_or_none(entry.not_before_s); });
  fields.look(Field::until, [](const DenialEntry &entry) { return time_or_none(entry.until_s); });
  for (FieldChange &change : fields.take()) {
    changes.push_back(std::move(change));
  }
  return changes;
}

Operation operation_of(const KeyRecord &before, const KeyRecord &after) noexcept {
  if (before.state != after.state) {
    return after.state == KeyState::revoked      ? Operation::key_revoked
           : after.state == KeyState::suspended  ? Operation::key_suspended
           : before.state == KeyState::pending   ? Operation::key_activated
           : before.state == KeyState::suspended ? Operation::key_resumed
                                                 : Operation::key_changed;
  }
  return before.successor != after.successor                                  ? Operation::key_rotated
         : before.indexed != after.indexed || before.locator != after.locator ? Operation::key_refiled
                                                                              : Operation::key_changed;
}

}  // namespace keyward
