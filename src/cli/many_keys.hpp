// Changing keys one by one or by the thousand: ids as arguments, or one in each line of standard input, or all that a
// subject has.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cli/command_line.hpp"
#include "cli/context.hpp"
#include "keys/answer.hpp"

namespace keyward::cli {

struct KeyIds {
  TextList ids;
  bool from_stdin = false;
  Text subject;  // all of its keys that aren't revoked; only where the command has that option

  // One id: what is wrong with it is the command's error, and its JSON an object.
  bool is_one() const noexcept { return !from_stdin && ids.values.size() == 1; }
  // Exactly one of the ways.
  bool is_clear() const noexcept { return int{ids.given} + int{from_stdin} + int{subject.given} == 1; }
};
void add_key_ids(Command &command, KeyIds *ids);

// A change of keys and what came of it, key by key. A transaction may be run again from its start: then the results of
// it are cut off.
class KeyChanges {
 public:
  virtual ~KeyChanges() = default;

  // Adds a result where the answer is ok.
  virtual keys::Answer change(WriteTxn &txn, const std::string &id) = 0;
  virtual std::size_t results() const noexcept = 0;
  virtual void cut(std::size_t results) = 0;
  // Why this key stays as it is, while others are changed. Empty: nothing can be changed any more.
  virtual std::string refusal(const keys::Answer &answer, const std::string &id) const = 0;
};

struct KeyChangeWords {
  const char *done;     // "revoked"
  const char *nothing;  // "nothing is revoked"
};
// In transactions of a few thousand. What can't be changed holds up nothing else, and is named: the status is 1 then.
// `report` shows the results, also before an error.
Outcome change_keys(CredentialWriter &writer, const KeyIds &ids, const KeyChangeWords &words, KeyChanges *changes,
                    const std::function<void()> &report);

}  // namespace keyward::cli
