// Walks over whole tables, and over parts of them.
#include <algorithm>
#include <string>

#include "base/hex.hpp"
#include "store/environment/failure.hpp"
#include "store/environment/walk.hpp"
#include "store/transactions/reader.hpp"
#include "store/transactions/reader_state.hpp"

namespace keyward {

namespace {

void tell(const CredentialReader::DamagedVisitor &damaged, std::string_view id) {
  if (damaged) {
    damaged(id);
  }
}

}  // namespace

StoreCode CredentialReader::for_each_key(std::string_view after, const std::function<bool(const FoundKey &)> &visit,
                                         const DamagedVisitor &damaged) {
  State &state = *state_;
  if (!state.in_snapshot) {
    return StoreCode::io;
  }
  bool any_damaged = false;
  const Walk walk = state.walk(Table::keys);
  const StoreCode code = walk.after(after, [&](std::string_view id, std::string_view stored) {
    FoundKey found;
    std::string_view content;
    if (!state.environment.seal().open(Table::keys, id, stored, &content, &found.tag) || !decode(content, &found.key)) {
      any_damaged = true;
      tell(damaged, id);
      return true;
    }
    found.id = id;
    found.usage_name = state.environment.seal().usage_name(id);
    return visit(found);
  });
  return code == StoreCode::ok && any_damaged ? StoreCode::damaged : code;
}

StoreCode CredentialReader::for_each_key_of(std::string_view subject,
                                            const std::function<bool(const FoundKey &)> &visit,
                                            const DamagedVisitor &damaged) {
  State &state = *state_;
  if (!state.in_snapshot) {
    return StoreCode::io;
  }
  bool any_damaged = false;
  const Walk walk = state.walk(Table::subject_keys);
  const StoreCode code = walk.under(subject, [&](std::string_view entry, std::string_view id, std::string_view stored) {
    FoundKey found;
    std::string_view content;
    if (!state.environment.seal().open(Table::subject_keys, entry, stored, &content) ||
        state.key_by_id(id, &found) != StoreCode::ok || found.key.subject != subject) {
      any_damaged = true;
      tell(damaged, id);
      return true;
    }
    return visit(found);
  });
  return code == StoreCode::ok && any_damaged ? StoreCode::damaged : code;
}

StoreCode CredentialReader::for_each_candidate(std::string_view prefix,
                                               const std::function<bool(const FoundKey &)> &visit,
                                               const DamagedVisitor &damaged) {
  State &state = *state_;
  if (!state.in_snapshot) {
    return StoreCode::io;
  }
  bool any_damaged = false;
  const Walk walk = state.walk(Table::prefixes);
  const StoreCode code = walk.under(prefix, [&](std::string_view entry, std::string_view id, std::string_view stored) {
    FoundKey found;
    std::string_view content;
    if (!state.environment.seal().open(Table::prefixes, entry, stored, &content) ||
        state.key_by_id(id, &found) != StoreCode::ok || found.key.legacy_prefix != prefix || found.key.indexed) {
      any_damaged = true;
      tell(damaged, id);
      return true;
    }
    return visit(found);
  });
  return code == StoreCode::ok && any_damaged ? StoreCode::damaged : code;
}

StoreCode CredentialReader::for_each_stray_entry(const StrayVisitor &visit) {
  State &state = *state_;
  if (!state.in_snapshot) {
    return StoreCode::io;
  }
  // asks(found, front): whether the key's record asks for this entry, of which front is the part that isn't the id.
  const auto walk = [&](Table table, auto asks) {
    return state.walk(table).after({}, [&](std::string_view key, std::string_view stored) {
      std::string_view content;
      if (!state.environment.seal().open(table, key, stored, &content)) {
        visit(table, key, {}, Stray::damaged);
        return true;
      }
      // LOCATOR -> ID, else PREFIX \0 ID -> nothing.
      const std::size_t end = table == Table::index ? key.size() : std::min(key.rfind('\0'), key.size());
      const std::string_view front = key.substr(0, end);
      const std::string_view id = table == Table::index ? content : key.substr(std::min(end + 1, key.size()));
      FoundKey found;
      const StoreCode code = state.key_by_id(id, &found);
      if (code == StoreCode::not_found) {
        visit(table, key, id, Stray::missing);
      } else if (code == StoreCode::ok && !asks(found.key, front)) {
        visit(table, key, id, Stray::foreign);
      }
      return true;
    });
  };
  StoreCode code = walk(
      Table::index, [](const KeyView &key, std::string_view locator) { return key.indexed && key.locator == locator; });
  if (code == StoreCode::ok) {
    code = walk(Table::prefixes, [](const KeyView &key, std::string_view prefix) {
      return !key.indexed && key.legacy_prefix == prefix;
    });
  }
  if (code == StoreCode::ok) {
    code =
        walk(Table::subject_keys, [](const KeyView &key, std::string_view subject) { return key.subject == subject; });
  }
  return code;
}

StoreCode CredentialReader::for_each_subject(std::string_view after,
                                             const std::function<bool(std::string_view, const SubjectView &)> &visit,
                                             const DamagedVisitor &damaged) {
  State &state = *state_;
  if (!state.in_snapshot) {
    return StoreCode::io;
  }
  bool any_damaged = false;
  const Walk walk = state.walk(Table::subjects);
  const StoreCode code = walk.after(after, [&](std::string_view subject, std::string_view stored) {
    SubjectView view;
    std::string_view content;
    if (!state.environment.seal().open(Table::subjects, subject, stored, &content) || !decode(content, &view)) {
      any_damaged = true;
      tell(damaged, subject);
      return true;
    }
    return visit(subject, view);
  });
  return code == StoreCode::ok && any_damaged ? StoreCode::damaged : code;
}

StoreCode CredentialReader::for_each_plan(const std::function<bool(std::string_view, const PlanView &)> &visit,
                                          const DamagedVisitor &damaged) {
  State &state = *state_;
  if (!state.in_snapshot) {
    return StoreCode::io;
  }
  bool any_damaged = false;
  const Walk walk = state.walk(Table::plans);
  const StoreCode code = walk.after({}, [&](std::string_view name, std::string_view stored) {
    PlanView view;
    std::string_view content;
    if (!state.environment.seal().open(Table::plans, name, stored, &content) || !decode(content, &view)) {
      any_damaged = true;
      tell(damaged, name);
      return true;
    }
    return visit(name, view);
  });
  return code == StoreCode::ok && any_damaged ? StoreCode::damaged : code;
}

StoreCode CredentialReader::for_each_denial(const std::function<bool(const DenialRecord &)> &visit,
                                            const DamagedVisitor &damaged) {
  State &state = *state_;
  if (!state.in_snapshot) {
    return StoreCode::io;
  }
  if (!state.environment.has(Table::denials)) {
    return state.count_denials();
  }
  bool any_damaged = false;
  const Walk walk = state.walk(Table::denials);
  const StoreCode code = walk.after({}, [&](std::string_view key, std::string_view stored) {
    DenialRecord record;
    std::string_view content;
    if (!state.environment.seal().open(Table::denials, key, stored, &content) || !decode(content, &record)) {
      any_damaged = true;
      tell(damaged, to_hex(key));
      return true;
    }
    return visit(record);
  });
  return code == StoreCode::ok && any_damaged ? StoreCode::damaged
         : code == StoreCode::ok              ? state.count_denials()
                                              : code;
}

}  // namespace keyward
