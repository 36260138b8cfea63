// Lines of an import that change keys which the store has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "keys/change.hpp"
#include "keys/import_batch.hpp"

namespace keyward::keys {

// Why a line can't change its key.
struct UpdateProblem {
  enum class Kind : std::uint8_t {
    none,
    id_twice,    // other_line has it, too
    stale,       // its changed_at isn't the record's
    verifier,    // it isn't the record's
    fixed,       // `member` can't be changed
    revoked,     // and that is final
    in_overlap,  // rotated: only its successor can be changed
    past,        // it would have expired already
    wrong_state,
    too_many_keys,
    invalid,
    gone,  // another writer has removed it meanwhile
  };
  Kind kind = Kind::none;
  std::uint32_t line = 0, other_line = 0;
  std::string_view member;
};
using TellUpdateProblem = std::function<void(const UpdateProblem &)>;

// What a line comes to: of a record as it is, what has to be done.
struct Update {
  ChangeRequest change;
  bool changes = false;  // something that change() does
  bool moves = false;    // into `state`
  KeyState state = KeyState::active;
};
// Members that the line doesn't name stay; null clears. What can't be changed has to be what it is, or be left out. When a key
// was used last, and how often, isn't looked at: it is used meanwhile.
UpdateProblem compare(const KeyRecord &record, const ImportedKey &line, std::int64_t now_s, Update *update);

class UpdateBatch {
 public:
  // Whether the store has this key. Then the line is taken, if it changes anything.
  StoreStatus add(CredentialReader &reader, std::uint32_t line, ImportedKey *key, std::int64_t now_s,
                  const TellUpdateProblem &tell, bool *is_known);
  // Inside a write transaction, where each record is read and compared again; may be run again from the start. A problem
  // ends it, and all of the transaction.
  Answer write(WriteTxn &txn, std::int64_t now_s, UpdateProblem *problem) const;

  std::size_t size() const noexcept { return lines_.size(); }    // lines that change something
  std::size_t unchanged() const noexcept { return unchanged_; }  // those that don't
  const std::set<std::string> &plans() const noexcept { return plans_; }

 private:
  struct Line {
    std::uint32_t number = 0;
    ImportedKey key;
  };

  std::vector<Line> lines_;
  std::map<std::string, std::uint32_t, std::less<>> seen_;  // ids and their lines
  std::set<std::string> plans_;
  std::size_t unchanged_ = 0;
};

}  // namespace keyward::keys
