// Subjects and plans, inside a write transaction.
#include <utility>

#include "store/environment/failure.hpp"
#include "store/environment/walk.hpp"
#include "store/transactions/write_txn_state.hpp"
#include "store/transactions/writer.hpp"

namespace keyward {

namespace {

StoreStatus invalid(std::string_view what) {
  return failure(StoreCode::damaged, "what is to be stored of " + std::string(what) + " is not valid");
}

}  // namespace

// Subjects.

StoreStatus WriteTxn::get_subject(std::string_view subject, SubjectRecord *record) {
  if (!is_subject(subject)) {
    return {StoreCode::not_found, {}};
  }
  std::string_view content;
  SubjectView view;
  StoreStatus status = state_->scope.get(Table::subjects, subject, &content);
  if (status.ok() && !decode(content, &view)) {
    status.code = StoreCode::damaged;
  }
  if (status.ok()) {
    *record = to_record(subject, view);
  }
  return about(std::move(status), "subject " + std::string(subject));
}

StoreStatus WriteTxn::put_subject(const SubjectRecord &record) {
  const std::string content = encode(record);
  SubjectView view;
  if (!is_subject(record.subject) || !decode(content, &view)) {
    return invalid("subject " + record.subject);
  }
  // One that is damaged is replaced all the same; nobody knows what it was.
  SubjectRecord old;
  const StoreCode known = get_subject(record.subject, &old).code;
  StoreStatus status = state_->refuse_newer(is_newer_subject(content));
  status = status.ok() ? state_->scope.put(Table::subjects, record.subject, content) : status;
  if (!status.ok() || (known == StoreCode::ok && encode(old) == content)) {
    return status;
  }
  const Operation operation = known == StoreCode::not_found                         ? Operation::subject_created
                              : known != StoreCode::ok || old.state == record.state ? Operation::subject_changed
                              : record.state == SubjectState::blocked               ? Operation::subject_blocked
                                                                                    : Operation::subject_unblocked;
  return state_->note(operation, record.subject, changes_between(known == StoreCode::ok ? &old : nullptr, &record));
}

StoreStatus WriteTxn::remove_subject(std::string_view subject) {
  SubjectRecord old;
  const StoreCode known = get_subject(subject, &old).code;
  StoreStatus status =
      is_subject(subject) ? state_->scope.remove(Table::subjects, subject) : StoreStatus{StoreCode::not_found, {}};
  return status.ok()
             ? state_->note(Operation::subject_removed, subject,
                            known == StoreCode::ok ? changes_between(&old, nullptr) : std::vector<FieldChange>())
             : status;
}

// Plans. The default one is named in `meta`, too, so that a look-up needs no walk.

StoreStatus WriteTxn::get_plan(std::string_view name, PlanRecord *record) {
  if (!is_plan_name(name)) {
    return {StoreCode::not_found, {}};
  }
  std::string_view content;
  PlanView view;
  StoreStatus status = state_->scope.get(Table::plans, name, &content);
  if (status.ok() && !decode(content, &view)) {
    status.code = StoreCode::damaged;
  }
  if (status.ok()) {
    *record = to_record(name, view);
  }
  return about(std::move(status), "plan " + std::string(name));
}

StoreStatus WriteTxn::get_default_plan(std::string *name) {
  std::string_view named;
  StoreStatus status = state_->scope.get(Table::meta, kDefaultPlanKey, &named);
  if (!status.ok() && status.code != StoreCode::not_found) {
    return about(std::move(status), kDefaultPlanKey);
  }
  *name = status.ok() ? named : std::string_view();
  return {};
}

StoreStatus WriteTxn::put_plan(const PlanRecord &record) {
  WriteScope &scope = state_->scope;
  const std::string content = encode(record);
  PlanView view;
  if (!is_plan_name(record.name) || !decode(content, &view)) {
    return invalid("plan " + record.name);
  }
  std::string old_default;
  StoreStatus status = state_->refuse_newer(is_newer_plan(content));
  status = status.ok() ? get_default_plan(&old_default) : status;
  if (!status.ok()) {
    return status;
  }
  if (record.is_default && old_default != record.name) {
    PlanRecord old;
    status = old_default.empty() ? StoreStatus{StoreCode::not_found, {}} : get_plan(old_default, &old);
    if (status.ok()) {
      status = state_->take_default(old);
    }
    status = status.ok() || status.code == StoreCode::not_found ? scope.put(Table::meta, kDefaultPlanKey, record.name)
                                                                : status;
  } else if (!record.is_default && old_default == record.name) {
    status = scope.remove(Table::meta, kDefaultPlanKey);
  }
  PlanRecord old;
  const StoreCode known = status.ok() ? get_plan(record.name, &old).code : StoreCode::not_found;
  status = status.ok() ? scope.put(Table::plans, record.name, content) : status;
  if (!status.ok() || (known == StoreCode::ok && encode(old) == content)) {
    return status;
  }
  return state_->note(known == StoreCode::not_found ? Operation::plan_created : Operation::plan_changed, record.name,
                      changes_between(known == StoreCode::ok ? &old : nullptr, &record));
}

StoreStatus WriteTxn::State::take_default(const PlanRecord &plan) {
  PlanRecord changed = plan;
  changed.is_default = false;
  StoreStatus status = scope.put(Table::plans, plan.name, encode(changed));
  return status.ok() ? note(Operation::plan_changed, plan.name, changes_between(&plan, &changed)) : status;
}

StoreStatus WriteTxn::remove_plan(std::string_view name) {
  WriteScope &scope = state_->scope;
  std::string_view named;
  StoreStatus status =
      is_plan_name(name) ? scope.get(Table::meta, kDefaultPlanKey, &named) : StoreStatus{StoreCode::not_found, {}};
  if (status.ok() && named == name) {
    status = scope.remove(Table::meta, kDefaultPlanKey);
  }
  const bool go_on = status.ok() || status.code == StoreCode::not_found;
  if (!go_on || !is_plan_name(name)) {
    return about(std::move(status), kDefaultPlanKey);
  }
  PlanRecord old;
  const StoreCode known = get_plan(name, &old).code;
  status = scope.remove(Table::plans, name);
  return status.ok()
             ? state_->note(Operation::plan_removed, name,
                            known == StoreCode::ok ? changes_between(&old, nullptr) : std::vector<FieldChange>())
             : status;
}

StoreStatus WriteTxn::plan_in_use(std::string_view plan, PlanUser *who) {
  WriteScope &scope = state_->scope;
  StoreStatus status{StoreCode::not_found, {}};
  const auto look = [&](Table table, std::string_view key, std::string_view stored, auto *view, auto uses) {
    std::string_view content;
    if (!scope.seal().open(table, key, stored, &content) || !decode(content, view)) {
      status = about({StoreCode::damaged, {}}, key);
    } else if (uses(*view)) {
      *who = {table == Table::subjects, std::string(key)};
      status = {};
    }
    return status.code == StoreCode::not_found;
  };
  StoreCode code =
      Walk(scope.txn(), scope.handle(Table::keys)).after({}, [&](std::string_view id, std::string_view stored) {
        KeyView view;
        return look(Table::keys, id, stored, &view,
                    [plan](const KeyView &key) { return key.plan == plan && key.state != KeyState::revoked; });
      });
  if (code == StoreCode::ok && status.code == StoreCode::not_found) {
    code =
        Walk(scope.txn(), scope.handle(Table::subjects)).after({}, [&](std::string_view id, std::string_view stored) {
          SubjectView view;
          return look(Table::subjects, id, stored, &view,
                      [plan](const SubjectView &subject) { return subject.plan == plan; });
        });
  }
  return code == StoreCode::ok ? status : about({code, {}}, "the store");
}

}  // namespace keyward
