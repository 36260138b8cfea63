// Reading the journal: forward, some entries at a time, so that nobody holds a snapshot open for long.
#include <algorithm>

#include "store/transactions/reader.hpp"
#include "store/transactions/reader_state.hpp"

namespace keyward {

namespace {

// What is asked for, looked for in each entry.
class Wanted {
 public:
  Wanted(const JournalQuery &query, std::function<bool(std::string_view id)> is_of_subject)
      : query_(query), is_of_subject_(std::move(is_of_subject)) {}

  bool has(const JournalEntry &entry) const {
    return entry.at_s >= query_.since_s && (query_.key.empty() || is_about_key(entry)) &&
           (query_.subject.empty() || is_about_subject(entry));
  }

 private:
  bool is_about_key(const JournalEntry &entry) const {
    return (entry.name == query_.key && target_of(entry.operation) == "key") ||
           std::binary_search(entry.ids.begin(), entry.ids.end(), query_.key);
  }
  // An import's entry lists ids only: whose they are, their records say.
  bool is_about_subject(const JournalEntry &entry) const {
    return entry.owner == query_.subject || (entry.name == query_.subject && target_of(entry.operation) == "subject") ||
           std::any_of(entry.ids.begin(), entry.ids.end(), is_of_subject_);
  }

  const JournalQuery &query_;
  std::function<bool(std::string_view id)> is_of_subject_;
};

}  // namespace

StoreCode CredentialReader::read_journal(const JournalQuery &query, std::size_t most, JournalPage *page) {
  State &state = *state_;
  *page = {};
  page->last = query.after;
  if (!state.in_snapshot) {
    return StoreCode::io;
  }
  if (!state.environment.has(Table::journal)) {
    return StoreCode::ok;
  }
  const Wanted wanted(query, [&](std::string_view id) {
    FoundKey found;
    return state.key_by_id(id, &found) == StoreCode::ok && found.key.subject == query.subject;
  });
  const Bytes<8> begin = journal_key(query.after);
  std::size_t looked_at = 0;
  const Walk walk = state.walk(Table::journal);
  const StoreCode code = walk.after(view_of(begin), [&](std::string_view key, std::string_view stored) {
    if (looked_at == most) {
      page->more = true;
      return false;
    }
    ++looked_at;
    std::uint64_t number = 0;
    std::string_view content;
    JournalEntry entry;
    const bool numbered = parse_journal_key(key, &number);
    page->last = numbered ? number : page->last;
    if (!numbered || !state.environment.seal().open(Table::journal, key, stored, &content) ||
        !decode(content, &entry)) {
      page->damaged.push_back(number);
      return true;
    }
    entry.number = number;
    if (wanted.has(entry)) {
      page->entries.push_back(std::move(entry));
    }
    return true;
  });
  return code;
}

StoreCode CredentialReader::find_journal_state(JournalState *journal) {
  State &state = *state_;
  *journal = {};
  if (!state.in_snapshot) {
    return StoreCode::io;
  }
  std::string_view content;
  const StoreCode code = state.get(Table::meta, kJournalKey, &content);
  if (code != StoreCode::ok) {
    return code == StoreCode::not_found ? StoreCode::ok : code;
  }
  return decode(content, journal) ? StoreCode::ok : StoreCode::damaged;
}

}  // namespace keyward
