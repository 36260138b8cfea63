// Fetched key sets in the usage environment, beside its schema: a handful, of some kilobytes each.
#include "store/environment/failure.hpp"
#include "usage/usage_state.hpp"

namespace keyward {

namespace {

std::string key_of(const Sha256 &name) { return "key set " + std::string(view_of(name)); }

}  // namespace

StoreStatus UsageStore::put_key_set(const Sha256 &name, std::string_view packed, std::uint64_t wait_ms) {
  return state_->write(wait_ms, [&](WriteScope &scope) { return scope.put(Table::usage_meta, key_of(name), packed); });
}

StoreStatus UsageStore::find_key_set(const Sha256 &name, std::string *packed) {
  State &state = *state_;
  if (!is_open() || state.environment.inherited()) {
    return failure(StoreCode::io, "the usage store is not open");
  }
  if (const int rc = state.renew(); rc != 0) {
    return failure_of(rc, "read " + state.environment.data_path());
  }
  const std::string key = key_of(name);
  std::string_view stored, content;
  const int rc = lmdb::get(state.txn.get(), state.environment.handle(Table::usage_meta), key, &stored);
  StoreStatus status = rc == 0 || rc == MDB_NOTFOUND ? StoreStatus{store_code(rc), {}}
                                                     : failure_of(rc, "read " + state.environment.data_path());
  if (status.ok() && !state.environment.seal().open(Table::usage_meta, key, stored, &content)) {
    status = failure(StoreCode::damaged, "a key set kept in " + state.environment.data_path() + " is damaged");
  }
  if (status.ok()) {
    packed->assign(content);
  }
  mdb_txn_reset(state.txn.get());
  return status;
}

}  // namespace keyward
