// What a key has replaced by rotation, and what a change of it means for those.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "auth/principal.hpp"
#include "keys/answer.hpp"

namespace keyward::keys {

inline constexpr int kMostRotations = 10000;  // a chain of predecessors that is longer has been tampered with

// Visits what the key had replaced, newest first, until one isn't there any more. A purged one, or one that is refused
// anyway as its record is damaged, is no reason to keep this one.
template <typename Visit>
Answer for_each_predecessor(WriteTxn &txn, const KeyRecord &key, Visit &&visit) {
  std::string id = key.predecessor;
  for (int i = 0; i < kMostRotations && !id.empty(); ++i) {
    KeyRecord old;
    if (StoreStatus status = txn.get_key(id, &old); !status.ok()) {
      const bool is_gone = status.code == StoreCode::not_found || status.code == StoreCode::damaged;
      return is_gone ? Answer() : Answer(std::move(status));
    }
    id = old.predecessor;
    if (Answer answer = visit(&old); !answer.ok()) {
      return answer;
    }
  }
  return {};
}

// A predecessor in its overlap never may do more than its successor. What it has beyond `key`, which was changed, is taken
// from it, and nothing is given to it; one of which nothing would be left ends. `also` gets their ids.
Answer narrow_predecessors(WriteTxn &txn, const Policy &policy, std::int64_t now_s, const KeyRecord &key,
                           std::vector<std::string> *also);

}  // namespace keyward::keys
