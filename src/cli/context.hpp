// What every command is given, and the ways to the store that they share.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/outcome.hpp"
#include "cli/output.hpp"
#include "json/json.hpp"
#include "keys/answer.hpp"
#include "store/records/record.hpp"
#include "store/transactions/reader.hpp"
#include "store/transactions/writer.hpp"
#include "usage/usage.hpp"

namespace keyward::cli {

struct Context {
  std::string store;
  bool json = false;
  std::int64_t now_s = 0;
  Output &out;
  std::string folder = {};  // of a backup: where the command finds what its argument names
  std::string became = {};  // the store's owner, where root ran the command and became that user
  // Names that the command uses for folders which it could not reach by their paths, and these.
  std::vector<std::pair<std::string, std::string>> aliases = {};

  // A text with every folder by its path.
  std::string words(std::string text) const;

  // A line on standard error; with --json an object.
  void warn(std::string_view text) const;
  // A remark for people; nothing with --json.
  void note(std::string_view text) const;
  // One JSON document on standard output.
  void print(const json::Writer &writer) const;
  // For terminals indented, for programs not.
  json::Writer json_writer() const { return json::Writer(out.terminal()); }
};

// The store, open for one look at it: one snapshot, which ends with this.
class StoreLook {
 public:
  explicit StoreLook(const Context &context);
  Outcome outcome() const { return from_store(status_); }  // anything but ok: nothing can be read
  CredentialReader &reader() noexcept { return reader_; }

 private:
  CredentialReader reader_;
  std::optional<Snapshot> snapshot_;
  StoreStatus status_;
};

// Calls visit with a KeyView of each key, in pages of one snapshot each, so that a slow reader of our output holds no
// snapshot open. between is called after each page. Both stop the walk by answering false.
struct KeyWalk {
  std::function<bool(const CredentialReader::FoundKey &)> visit;
  std::function<bool()> between;
  std::function<void(std::string_view id)> damaged;
};
Outcome walk_keys(CredentialReader &reader, const std::string &subject, const KeyWalk &walk);

// How an operation ended, where the command has no words of its own for it.
Outcome from_answer(const keys::Answer &answer);

// What is known of each key's use. A usage environment that isn't there knows nothing.
class Usage {
 public:
  explicit Usage(const Context &context);
  UsageRecord of(const Digest &usage_name);
  // What was spent of a balance, as it was last stored. false: nobody can say.
  bool find_credits(const Digest &account, CreditState *state);

 private:
  UsageStore store_;
  bool open_ = false;
};

std::string no_such_key_text(const std::string &id);
Outcome no_such_key(const std::string &id);

// A record that could not be read, of a value the store itself answered.
Outcome damaged_record(std::string_view what, std::string_view name);

// Warns of those plans that the store doesn't have, and names the ones it has. Adds to `warnings` instead where given.
Outcome check_plans(const Context &context, CredentialReader &reader, const std::set<std::string> &plans,
                    std::vector<std::string> *warnings = nullptr);

}  // namespace keyward::cli
