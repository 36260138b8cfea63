// Many new keys in one transaction: every table is filled in its own order, so that pages are filled one after the
// other.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "store/environment/failure.hpp"
#include "store/environment/lmdb.hpp"
#include "store/transactions/write_txn_state.hpp"
#include "store/transactions/writer.hpp"

namespace keyward {

namespace {

using Progress = std::function<void(std::size_t done)>;

constexpr std::size_t kProgressStep = 4096;

// Puts ascending keys into one table; appends where all of them come behind what is there.
class Filler {
 public:
  Filler(WriteScope *scope, Table table) : scope_(scope), table_(table) {}

  StoreStatus open(std::string_view first) {
    std::string_view last, value;
    int rc = cursor_.open(scope_->txn(), scope_->handle(table_));
    if (rc == 0) {
      rc = cursor_.get(&last, &value, MDB_LAST);
      append_ = rc == MDB_NOTFOUND || (rc == 0 && last < first);
      rc = rc == MDB_NOTFOUND ? 0 : rc;
    }
    return scope_->note(rc, "write to the store");
  }
  StoreStatus put(std::string_view key, std::string_view content) {
    value_.assign(content);
    value_.append(view_of(scope_->seal().tag(table_, key, content)));
    scope_->count_puts(1, key.size() + value_.size());
    return scope_->note(cursor_.put(key, value_, append_ ? MDB_APPEND : MDB_NOOVERWRITE), "write to the store");
  }

 private:
  WriteScope *scope_;
  Table table_;
  lmdb::Cursor cursor_;
  bool append_ = false;
  std::string value_;
};

// What an index entry is made of: what it is sorted by, and which of the keys, in the order of ids, it leads to.
template <typename Name>
struct Entry {
  Name name;
  std::uint32_t rank;

  friend bool operator<(const Entry &a, const Entry &b) noexcept {
    return std::tie(a.name, a.rank) < std::tie(b.name, b.rank);
  }
};

// One import into one transaction.
class Import {
 public:
  Import(WriteScope *scope, const NewKeys &keys, const Progress &progress)
      : scope_(scope), keys_(keys), progress_(progress) {}

  // By their ids, and looked at: what decode() would refuse is refused.
  StoreStatus order();
  // An upper estimate of the room that they need: half-filled pages, all indexes, whole pages for long records.
  std::uint64_t bytes() const noexcept { return 2 * bytes_; }
  StoreStatus fill_keys();
  StoreStatus fill_index();
  const std::vector<std::uint32_t> &by_id() const noexcept { return order_; }
  // PREFIX \0 ID: their order is that of the pairs, as no prefix has a NUL.
  template <typename Prefix>
  StoreStatus fill_entries(Table table, Prefix prefix);
  // Calls visit(view) for each; one that isn't ok ends it.
  template <typename Visit>
  StoreStatus for_each(Visit visit) const;

 private:
  NewKey at(std::size_t rank) const { return keys_.at(order_[rank]); }

  WriteScope *scope_;
  const NewKeys &keys_;
  const Progress &progress_;
  std::vector<std::uint32_t> order_;
  std::uint64_t bytes_ = 0;
};

StoreStatus invalid(const NewKey &key) {
  return failure(StoreCode::damaged, "what is to be stored of key " + std::string(key.id) + " is not valid");
}

StoreStatus Import::order() {
  constexpr std::uint64_t kEntryBytes = 64, kPlainBytes = 300, kLongBytes = 1500;
  order_.resize(keys_.count);
  std::iota(order_.begin(), order_.end(), 0U);
  const auto by_id = [this](std::uint32_t a, std::uint32_t b) { return keys_.at(a).id < keys_.at(b).id; };
  if (!std::is_sorted(order_.begin(), order_.end(), by_id)) {
    std::sort(order_.begin(), order_.end(), by_id);
  }
  for (std::size_t rank = 0; rank < order_.size(); ++rank) {
    const NewKey key = at(rank);
    KeyView view;
    if (!is_id(key.id) || !decode(key.content, &view)) {
      return invalid(key);
    }
    if (rank != 0 && key.id == at(rank - 1).id) {
      return about({StoreCode::exists, {}}, "key " + std::string(key.id));
    }
    const std::uint64_t ids = key.id.size() * 4 + view.subject.size() + view.legacy_prefix.size();
    const std::uint64_t own = kPlainBytes + ids + key.content.size() + kEntryBytes * 3;
    bytes_ += own + (own > kLongBytes ? 2 * 4096 : 0);
  }
  return {};
}

template <typename Visit>
StoreStatus Import::for_each(Visit visit) const {
  StoreStatus status;
  for (std::size_t i = 0; status.ok() && i < keys_.count; ++i) {
    KeyView view;
    const NewKey key = at(i);
    // order() has seen that it is valid; a key must not come to be without its entries all the same.
    status = decode(key.content, &view) ? visit(view, static_cast<std::uint32_t>(i)) : invalid(key);
  }
  return status;
}

StoreStatus Import::fill_keys() {
  Filler filler(scope_, Table::keys);
  StoreStatus status = filler.open(at(0).id);
  for (std::size_t rank = 0; status.ok() && rank < order_.size(); ++rank) {
    const NewKey key = at(rank);
    status = filler.put(key.id, key.content);
    status = status.ok() ? status : about(std::move(status), "key " + std::string(key.id));
    if (progress_ && rank % kProgressStep == 0) {
      progress_(rank);
    }
  }
  return status;
}

StoreStatus Import::fill_index() {
  std::vector<Entry<Locator>> entries;
  entries.reserve(keys_.count);
  StoreStatus status = for_each([&entries](const KeyView &view, std::uint32_t rank) {
    if (view.indexed) {
      entries.push_back({{}, rank});
      std::copy(view.locator.begin(), view.locator.end(), entries.back().name.begin());
    }
    return StoreStatus();
  });
  std::sort(entries.begin(), entries.end());
  Filler filler(scope_, Table::index);
  status = status.ok() && !entries.empty() ? filler.open(view_of(entries.front().name)) : status;
  for (std::size_t i = 0; status.ok() && i < entries.size(); ++i) {
    const std::string_view id = at(entries[i].rank).id;
    const bool twice = i != 0 && entries[i].name == entries[i - 1].name;
    status = twice ? StoreStatus{StoreCode::exists, {}} : filler.put(view_of(entries[i].name), id);
    status = status.ok() ? status : about(std::move(status), "a key with the hash of " + std::string(id));
  }
  return status;
}

template <typename Prefix>
StoreStatus Import::fill_entries(Table table, Prefix prefix) {
  std::vector<Entry<std::string_view>> entries;
  StoreStatus status = for_each([&](const KeyView &view, std::uint32_t rank) {
    if (const std::string_view name = prefix(view); !name.empty()) {
      entries.push_back({name, rank});
    }
    return StoreStatus();
  });
  std::sort(entries.begin(), entries.end());
  Filler filler(scope_, table);
  const auto entry = [this](const Entry<std::string_view> &of) { return entry_of(of.name, at(of.rank).id); };
  status = status.ok() && !entries.empty() ? filler.open(entry(entries.front())) : status;
  for (auto of = entries.begin(); status.ok() && of != entries.end(); ++of) {
    status = about(filler.put(entry(*of), {}), "an index entry");
  }
  return status;
}

std::string_view candidate_prefix(const KeyView &view) noexcept {
  return view.indexed ? std::string_view() : view.legacy_prefix;
}

}  // namespace

StoreStatus WriteTxn::add_keys(const NewKeys &keys, const Progress &progress) {
  WriteScope &scope = state_->scope;
  if (keys.count == 0) {
    return {};
  }
  if (keys.count > std::numeric_limits<std::uint32_t>::max()) {
    return failure(StoreCode::io, "more keys than one import can have");
  }
  const Environment &environment = state_->environment;
  Import import(&scope, keys, progress);
  StoreStatus status = import.order();
  for (std::size_t i = 0; status.ok() && i < keys.count; ++i) {
    status = state_->refuse_newer(keys.at(i).content);
  }
  status = status.ok() ? scope.reserve(import.bytes(), environment.map_bytes(), environment.used_bytes()) : status;
  status = status.ok() ? import.fill_keys() : status;
  status = status.ok() ? import.fill_index() : status;
  status = status.ok() ? import.fill_entries(Table::prefixes, candidate_prefix) : status;
  status = status.ok() ? import.for_each([this](const KeyView &view, std::uint32_t) {
    const std::string_view prefix = candidate_prefix(view);
    const StoreStatus counted = prefix.empty() ? StoreStatus() : state_->count_prefix(prefix, true);
    return counted.ok() ? state_->count_locator(view.locator_kind, true) : counted;
  })
                       : status;
  status =
      status.ok() ? import.fill_entries(Table::subject_keys, [](const KeyView &view) { return view.subject; }) : status;
  status = status.ok() ? state_->note_import(keys, import.by_id()) : status;
  if (status.ok() && progress) {
    progress(keys.count);
  }
  return status;
}

}  // namespace keyward
