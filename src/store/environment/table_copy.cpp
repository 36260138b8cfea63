// Two cursors side by side. Where the target has nothing more, entries are appended: pages are filled one after the
// other.
#include "store/environment/table_copy.hpp"

#include <string>
#include <utility>

#include "store/environment/failure.hpp"
#include "store/environment/table_cursor.hpp"

namespace keyward {

namespace {

constexpr std::uint64_t kBatchWrites = 200000;
constexpr std::uint64_t kBatchBytes = std::uint64_t{64} << 20;

std::uint64_t entries_of(MDB_txn *snapshot, MDB_dbi table) noexcept {
  MDB_stat stat = {};
  mdb_stat(snapshot, table, &stat);
  return stat.ms_entries;
}

bool is_own(Table table, std::string_view key) noexcept {
  return (table == Table::meta || table == Table::usage_meta) && (key == kSchemaKey || key == kRetiredKey);
}

}  // namespace

// One transaction's worth.
struct TableCopy::Step {
  Step(const TableCopy &what, WriteScope &where, std::string after, std::uint64_t before)
      : copy(what), scope(where), last(std::move(after)), seen(before) {}

  StoreStatus run();

  const TableCopy &copy;
  WriteScope &scope;
  std::string last;    // the key up to which both are equal
  std::uint64_t seen;  // entries of the source
  bool done = false;

 private:
  StoreStatus begin();
  StoreStatus check();
  StoreStatus remove_surplus();
  StoreStatus copy_one();
  bool value_of_source(std::string_view *value, StoreStatus *refused);

  TableCursor source_, target_;
  std::string sealed_;
  std::uint64_t writes_ = 0, bytes_ = 0;
};

StoreStatus TableCopy::Step::run() {
  StoreStatus status = begin();
  while (status.ok() && writes_ < kBatchWrites && bytes_ < kBatchBytes) {
    if (source_.at_end() && target_.at_end()) {
      done = true;
      break;
    }
    const bool surplus = !target_.at_end() && (source_.at_end() || target_.key < source_.key);
    status = surplus ? remove_surplus() : copy_one();
    status = status.ok() ? check() : status;
  }
  return status;
}

StoreStatus TableCopy::Step::begin() {
  int rc = source_.open(copy.snapshot, copy.from->handle(copy.table));
  rc = rc == 0 ? target_.open(scope.txn(), scope.handle(copy.table)) : rc;
  if (rc != 0) {
    return scope.note(rc, "copy the store");
  }
  source_.seek_behind(last);
  target_.seek_behind(last);
  return check();
}

StoreStatus TableCopy::Step::check() {
  if (source_.failed() && copy.damaged) {
    copy.damaged(copy.table, {});
    source_.rc = MDB_NOTFOUND;
  } else if (source_.failed()) {
    return failure_of(source_.rc, "read " + copy.from->data_path());
  }
  return !target_.failed() ? StoreStatus() : scope.note(target_.rc, "read " + copy.to->data_path());
}

StoreStatus TableCopy::Step::remove_surplus() {
  last = target_.key;
  if (is_own(copy.table, last)) {
    target_.next();
    return {};
  }
  ++writes_;
  StoreStatus status = scope.remove(copy.table, last);
  target_.seek_behind(last);
  return status;
}

StoreStatus TableCopy::Step::copy_one() {
  std::string_view value;
  StoreStatus status;
  ++seen;
  if (is_own(copy.table, source_.key) || !value_of_source(&value, &status)) {
    source_.next();
    return status;
  }
  last = source_.key;
  if (!target_.at_end() && target_.key == last && target_.value == value) {
    target_.next();
  } else {
    ++writes_;
    bytes_ += last.size() + value.size();
    if (target_.at_end()) {
      scope.count_puts(1, last.size() + value.size());
      status = scope.note(target_.cursor.put(last, value, MDB_APPEND), "copy the store");
    } else {
      status = scope.put_sealed(copy.table, last, value);
      target_.seek_behind(last);
    }
  }
  source_.next();
  return status;
}

// false: it is damaged, or refused.
bool TableCopy::Step::value_of_source(std::string_view *value, StoreStatus *refused) {
  *value = source_.value;
  if (!copy.reseal) {
    return true;
  }
  std::string_view content;
  if (!copy.from->seal().open(copy.table, source_.key, source_.value, &content)) {
    copy.damaged(copy.table, source_.key);
    return false;
  }
  if (copy.admit && !(*refused = copy.admit(content)).ok()) {
    return false;
  }
  sealed_.assign(content);
  sealed_.append(view_of(scope.seal().tag(copy.table, source_.key, content)));
  *value = sealed_;
  return true;
}

StoreStatus TableCopy::run() const {
  if (!from->has(table)) {
    return {};  // an older store's; the target is new, and has nothing in it either
  }
  std::string after;
  std::uint64_t seen = 0;
  bool done = false, stale = false;
  StoreStatus status;
  while (status.ok() && !done) {
    std::string last;
    std::uint64_t now = 0;
    status = to->write(
        [&](WriteScope &scope) {  // from the start again where the map had to grow
          Step step(*this, scope, after, seen);
          StoreStatus ended = step.run();
          last = std::move(step.last);
          now = step.seen;
          done = step.done;
          return ended;
        },
        nullptr, &stale);
    after = std::move(last);
    seen = now;
    if (status.ok() && progress) {
      progress(seen);
    }
  }
  // A branch that leads elsewhere takes all that was under it away, and no checksum tells.
  if (status.ok() && seen != entries_of(snapshot, from->handle(table))) {
    if (!damaged) {
      return failure(StoreCode::damaged, from->data_path() + " is damaged: not all of its records can be reached");
    }
    damaged(table, {});
  }
  return status;
}

}  // namespace keyward
