// Revoking a key and its predecessors.
#include "cli/revocation.hpp"

namespace keyward::cli {
namespace {

constexpr int kMostRotations = 10000;  // a chain of predecessors that is longer has been tampered with

}  // namespace

StoreStatus set_state(WriteTxn &txn, KeyState state, std::int64_t now_s, KeyRecord *key) {
  key->state = state;
  key->changed_at_s = now_s;
  return txn.replace_key(*key);
}

StoreStatus revoke_with_predecessors(WriteTxn &txn, KeyRecord *key, std::int64_t now_s,
                                     std::vector<std::string> *also) {
  auto status = key->state == KeyState::revoked ? StoreStatus{} : set_state(txn, KeyState::revoked, now_s, key);
  auto id = key->predecessor;
  for (int i = 0; status.ok() && i < kMostRotations && !id.empty(); ++i) {
    KeyRecord old;
    status = txn.get_key(id, &old);
    if (status.code == StoreCode::not_found || status.code == StoreCode::damaged) {
      return {};  // purged, or refused anyway: no reason to keep this one
    }
    if (status.ok() && old.state != KeyState::revoked) {
      status = set_state(txn, KeyState::revoked, now_s, &old);
      also->push_back(old.id);
    }
    id = old.predecessor;
  }
  return status;
}

}  // namespace keyward::cli
