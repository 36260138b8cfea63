// Balances in the usage environment: added to in batches, read once at a start, removed once a new one would be as good.
#include <utility>
#include <vector>

#include "store/environment/failure.hpp"
#include "store/environment/table_cursor.hpp"
#include "store/environment/walk.hpp"
#include "usage/credit_record.hpp"
#include "usage/usage_state.hpp"

namespace keyward {

namespace {

bool open_record(const Seal &seal, std::string_view name, std::string_view stored, CreditRecord *record) noexcept {
  std::string_view content;
  return name.size() == sizeof(Digest) && seal.open(Table::balances, name, stored, &content) && decode(content, record);
}

Digest to_digest(std::string_view name) noexcept {
  Digest digest = {};
  std::copy_n(name.begin(), std::min(name.size(), digest.size()), reinterpret_cast<char *>(digest.data()));
  return digest;
}

// What is damaged is replaced by what the table says, which knows it all.
StoreStatus merge_one(WriteScope *scope, std::uint64_t table, const CarriedCredits &sent, CreditState *merged) {
  const std::string_view name = view_of(sent.account);
  std::string_view content;
  CreditRecord record;
  const StoreStatus status = scope->get(Table::balances, name, &content);
  if (scope->failed() != 0) {
    return status;
  }
  *merged = status.ok() && decode(content, &record)
                ? credit_rule::merge(record.state, record.table == table, sent.state)
                : sent.state;
  return scope->put(Table::balances, name, encode(CreditRecord{*merged, table}));
}

}  // namespace

StoreStatus UsageStore::merge_credits(std::uint64_t table, const CarriedCredits *sent, std::size_t count,
                                      CreditState *merged, std::uint64_t wait_ms) {
  return count == 0 && is_open() ? StoreStatus() : state_->write(wait_ms, [=](WriteScope &scope) {
    StoreStatus done = scope.require(Table::balances);
    for (std::size_t i = 0; done.ok() && i < count; ++i) {
      done = merge_one(&scope, table, sent[i], &merged[i]);
    }
    return done;
  });
}

StoreStatus UsageStore::for_each_credits(const std::function<void(const CarriedCredits &)> &visit,
                                         const std::function<void(const Digest &account)> &damaged) {
  State &state = *state_;
  if (!is_open() || state.environment.inherited()) {
    return failure(StoreCode::io, "the usage store is not open");
  }
  if (const int rc = state.renew(); rc != 0) {
    return failure_of(rc, "read " + state.environment.data_path());
  }
  StoreCode code = StoreCode::ok;
  bool found = false;
  if (!state.environment.has(Table::balances) && state.environment.find_tables(state.txn.get(), &found) != 0) {
    code = StoreCode::io;
  }
  if (code == StoreCode::ok && state.environment.has(Table::balances)) {
    const Walk walk(state.txn.get(), state.environment.handle(Table::balances));
    code = walk.after({}, [&](std::string_view name, std::string_view stored) {
      CreditRecord record;
      if (open_record(state.environment.seal(), name, stored, &record)) {
        visit({to_digest(name), record.state, 0});
      } else {
        damaged(to_digest(name));
      }
      return true;
    });
  }
  mdb_txn_reset(state.txn.get());
  return code == StoreCode::ok ? StoreStatus()
                               : failure(code, "the balances in " + state.environment.data_path() + " can't be read");
}

StoreCode UsageStore::find_credits(const Digest &account, CreditState *credits) {
  State &state = *state_;
  if (!is_open() || state.environment.inherited() || state.renew() != 0) {
    return StoreCode::io;
  }
  StoreCode code = StoreCode::not_found;
  if (state.environment.has(Table::balances)) {
    std::string_view stored;
    CreditRecord record;
    code = store_code(lmdb::get(state.txn.get(), state.environment.handle(Table::balances), view_of(account), &stored));
    if (code == StoreCode::ok && !open_record(state.environment.seal(), view_of(account), stored, &record)) {
      code = StoreCode::damaged;
    }
    *credits = record.state;
  }
  mdb_txn_reset(state.txn.get());
  return code;
}

StoreStatus UsageStore::prune_credits(std::string *after, std::size_t most,
                                      const std::function<bool(const Digest &account, const CreditState &)> &is_over,
                                      std::uint64_t wait_ms) {
  std::string last;
  StoreStatus status = state_->write(wait_ms, [&](WriteScope &scope) {
    std::vector<std::string> over;
    last = *after;
    if (StoreStatus needs = scope.require(Table::balances); !needs.ok()) {
      return needs;
    }
    {
      TableCursor here;
      int rc = here.open(scope.txn(), scope.handle(Table::balances));
      if (rc != 0) {
        return scope.note(rc, "read the balances");
      }
      here.seek_behind(last);
      for (std::size_t i = 0; i < most && here.rc == 0; ++i, here.next()) {
        last = here.key;
        CreditRecord record;
        if (open_record(scope.seal(), here.key, here.value, &record) && is_over(to_digest(here.key), record.state)) {
          over.push_back(last);
        }
      }
      if (here.failed()) {
        return scope.note(here.rc, "read the balances");
      }
      if (here.at_end()) {
        last.clear();
      }
    }
    StoreStatus done;
    for (std::size_t i = 0; scope.failed() == 0 && i < over.size(); ++i) {
      done = scope.remove(Table::balances, over[i]);
    }
    return scope.failed() == 0 ? StoreStatus() : done;
  });
  if (status.ok()) {
    *after = std::move(last);
  }
  return status;
}

}  // namespace keyward
