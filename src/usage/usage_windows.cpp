// Windows of limits in the usage environment: written in batches, read once at a start, removed once they have ended.
#include <utility>
#include <vector>

#include "store/environment/failure.hpp"
#include "store/environment/table_cursor.hpp"
#include "store/environment/walk.hpp"
#include "usage/usage_state.hpp"

namespace keyward {

namespace {

bool open_record(const Seal &seal, std::string_view name, std::string_view stored, WindowRecord *record) noexcept {
  std::string_view content;
  return seal.open(Table::windows, name, stored, &content) && decode(name, content, record);
}

}  // namespace

StoreStatus UsageStore::put_windows(const WindowRecord *records, std::size_t count, std::uint64_t wait_ms) {
  return count == 0 && is_open() ? StoreStatus() : state_->write(wait_ms, [records, count](WriteScope &scope) {
    StoreStatus done;
    for (std::size_t i = 0; done.ok() && i < count; ++i) {
      done = scope.put(Table::windows, record_key(records[i]), encode(records[i]));
    }
    return done;
  });
}

StoreStatus UsageStore::for_each_window(const std::function<void(const WindowRecord &)> &visit,
                                        const std::function<void(std::string_view name)> &damaged) {
  State &state = *state_;
  if (!is_open() || state.environment.inherited()) {
    return failure(StoreCode::io, "the usage store is not open");
  }
  if (const int rc = state.renew(); rc != 0) {
    return failure_of(rc, "read " + state.environment.data_path());
  }
  const Walk walk(state.txn.get(), state.environment.handle(Table::windows));
  const StoreCode code = walk.after({}, [&](std::string_view name, std::string_view stored) {
    WindowRecord record;
    if (open_record(state.environment.seal(), name, stored, &record)) {
      visit(record);
    } else {
      damaged(name);
    }
    return true;
  });
  mdb_txn_reset(state.txn.get());
  return code == StoreCode::ok ? StoreStatus()
                               : failure(code, "the windows in " + state.environment.data_path() + " can't be read");
}

StoreStatus UsageStore::prune_windows(std::string *after, std::size_t most, std::int64_t wall_ms,
                                      const std::function<bool(WindowRecord *)> &still_open, std::uint64_t wait_ms) {
  std::string last;
  StoreStatus status = state_->write(wait_ms, [&](WriteScope &scope) {
    std::vector<std::string> over;
    std::vector<WindowRecord> open;
    last = *after;
    {
      TableCursor here;
      int rc = here.open(scope.txn(), scope.handle(Table::windows));
      if (rc != 0) {
        return scope.note(rc, "read the windows");
      }
      here.seek_behind(last);
      for (std::size_t i = 0; i < most && here.rc == 0; ++i, here.next()) {
        last = here.key;
        WindowRecord record;
        if (!open_record(scope.seal(), here.key, here.value, &record)) {
          over.push_back(last);
        } else if (record.is_over(wall_ms)) {
          if (still_open(&record)) {
            open.push_back(record);
          } else {
            over.push_back(last);
          }
        }
      }
      if (here.failed()) {
        return scope.note(here.rc, "read the windows");
      }
      if (here.at_end()) {
        last.clear();
      }
    }
    StoreStatus done;
    for (std::size_t i = 0; scope.failed() == 0 && i < over.size(); ++i) {
      done = scope.remove(Table::windows, over[i]);
    }
    for (std::size_t i = 0; scope.failed() == 0 && i < open.size(); ++i) {
      done = scope.put(Table::windows, record_key(open[i]), encode(open[i]));
    }
    return scope.failed() == 0 ? StoreStatus() : done;
  });
  if (status.ok()) {
    *after = std::move(last);
  }
  return status;
}

Bytes<16> UsageStore::instance() const noexcept {
  return is_open() ? state_->environment.schema().instance : Bytes<16>{};
}

}  // namespace keyward
