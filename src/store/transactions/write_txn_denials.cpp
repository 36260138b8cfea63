// The denylist, inside a write transaction. `meta` counts its entries: a table that can't be read any more must not
// pass for an empty one.
#include <algorithm>
#include <optional>
#include <utility>

#include "base/little_endian.hpp"
#include "store/environment/failure.hpp"
#include "store/environment/table_cursor.hpp"
#include "store/transactions/write_txn_state.hpp"
#include "store/transactions/writer.hpp"

namespace keyward {

namespace {

// How many records a revocation looks at to find some that have ended: their keys are digests, so the next one comes by
// others.
constexpr int kSweep = 64;

std::string name_of(DenialKind kind, std::string_view name) {
  return std::string("the denied ").append(kind == DenialKind::jti ? "jti " : "subject ").append(name);
}

}  // namespace

StoreStatus WriteTxn::State::know_denials() {
  if (denials_known) {
    return {};
  }
  std::string_view content;
  StoreStatus status = scope.get(Table::meta, kDenialsKey, &content);
  denials = 0;
  if (status.ok() && (!take_int(&content, &denials) || !content.empty())) {
    status.code = StoreCode::damaged;
  }
  MDB_stat stat = {};
  if (scope.has(Table::denials)) {
    mdb_stat(scope.txn(), scope.handle(Table::denials), &stat);
  }
  if ((status.ok() || status.code == StoreCode::not_found) && stat.ms_entries != denials) {
    status = {StoreCode::damaged, {}};
  }
  denials_known = status.ok() || status.code == StoreCode::not_found;
  return denials_known ? StoreStatus() : about(std::move(status), "the denylist's length");
}

StoreStatus WriteTxn::State::count_denials() {
  MDB_stat stat = {};
  const int rc = scope.has(Table::denials) ? mdb_stat(scope.txn(), scope.handle(Table::denials), &stat) : 0;
  denials = stat.ms_entries;
  denials_known = denials_changed = true;
  return rc == 0 ? StoreStatus() : scope.note(rc, "read from the store");
}

StoreStatus WriteTxn::State::put_denial(const DenialRecord &record, bool fresh) {
  const std::string content = encode(record);
  DenialRecord same;
  if (!decode(content, &same)) {
    return failure(StoreCode::damaged,
                   "what is to be stored of " + name_of(record.kind, record.name) + " is not valid");
  }
  StoreStatus status = know_denials();
  status = status.ok() ? scope.put(Table::denials, view_of(denial_key(record.kind, record.name)), content) : status;
  if (status.ok() && fresh) {
    ++denials;
    denials_changed = true;
  }
  return status;
}

StoreStatus WriteTxn::State::sweep_denials(std::string_view after, std::int64_t now_s) {
  std::vector<std::string> ended;
  {
    TableCursor side;
    const int rc = side.open(scope.txn(), scope.handle(Table::denials));
    if (rc != 0) {
      return scope.note(rc, "read from the store");
    }
    side.seek_behind(after);
    bool wrapped = false;
    for (int i = 0; i < kSweep; ++i, side.next()) {
      if (side.at_end() && !wrapped) {
        wrapped = true;
        side.seek_behind({});
      }
      if (side.rc != 0 || (wrapped && side.key >= after)) {
        break;
      }
      std::string_view content;
      DenialRecord record;
      if (scope.seal().open(Table::denials, side.key, side.value, &content) && decode(content, &record) &&
          is_over(record, now_s)) {
        ended.emplace_back(side.key);
      }
    }
  }
  StoreStatus status;
  for (auto key = ended.begin(); status.ok() && key != ended.end(); ++key) {
    status = scope.remove(Table::denials, *key);
    --denials;
    denials_changed = true;
  }
  return status;
}

StoreStatus WriteTxn::State::denial(DenialKind kind, std::string_view name, DenialRecord *record) {
  std::string_view content;
  StoreStatus status = scope.get(Table::denials, view_of(denial_key(kind, name)), &content);
  if (status.ok() && (!decode(content, record) || record->kind != kind || record->name != name)) {
    status.code = StoreCode::damaged;
  }
  return about(std::move(status), name_of(kind, name));
}

StoreStatus WriteTxn::find_token_denial(std::string_view issuer, std::string_view subject, std::string_view jti,
                                        std::int64_t now_s, TokenDenial *denial) {
  *denial = {};
  StoreStatus status = state_->know_denials();
  if (!status.ok() || state_->denials == 0) {
    return status;
  }
  const auto ask = [&](DenialKind kind, std::string_view name) {
    if (!status.ok() || name.empty()) {
      return;
    }
    std::string_view content;
    status = state_->scope.get(Table::denials, view_of(denial_key(kind, name)), &content);
    if (status.code == StoreCode::not_found) {
      status = {};
    } else if (status.ok() && !apply_denial(content, kind, name, issuer, now_s, denial)) {
      status = about({StoreCode::damaged, {}}, name_of(kind, name));
    }
  };
  ask(DenialKind::jti, jti);
  ask(DenialKind::subject, subject);
  return status;
}

StoreStatus WriteTxn::merge_denial(DenialKind kind, std::string_view name, const DenialEntry &entry) {
  StoreStatus status = state_->scope.require(Table::denials);
  if (!status.ok()) {
    return status;
  }
  DenialRecord record;
  status = state_->denial(kind, name, &record);
  const bool fresh = status.code == StoreCode::not_found;
  if (fresh) {
    record.kind = kind;
    record.name = name;
    record.entries.clear();
  } else if (!status.ok()) {
    return status;
  }
  const auto of_issuer = [&record, &entry]() -> const DenialEntry * {
    const auto same = [&entry](const DenialEntry &other) { return other.issuer == entry.issuer; };
    const auto at = std::find_if(record.entries.begin(), record.entries.end(), same);
    return at == record.entries.end() ? nullptr : &*at;
  };
  std::optional<DenialEntry> old;
  if (const DenialEntry *known = of_issuer()) {
    old = *known;
  }
  if (!merge(&record, entry)) {
    return failure(StoreCode::exists, name_of(kind, name) + " is denied for " + std::to_string(kMaxDenialIssuers) +
                                          " issuers already; leave --issuer out to deny it for all");
  }
  status = state_->put_denial(record, fresh);
  return status.ok() ? state_->note(kind == DenialKind::jti ? Operation::token_denied : Operation::subject_denied, name,
                                    changes_between(old ? &*old : nullptr, *of_issuer()))
                     : status;
}

StoreStatus WriteTxn::deny_token(DenialKind kind, std::string_view name, const DenialEntry &entry, std::int64_t now_s) {
  StoreStatus status = merge_denial(kind, name, entry);
  const DenialKey key = denial_key(kind, name);
  return status.ok() ? state_->sweep_denials(view_of(key), now_s) : status;
}

}  // namespace keyward
