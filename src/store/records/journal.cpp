// The form of a journal entry on disk.
//
//   u8 version, operation, author's kind; u32 position; i64 time; the author; u16 and name; u16 and owner;
//   u8 count of changes, each u8 field, u8 which of the two are there, u16 and text of each; u16 count of ids
//
// The author: a command's is u8 and command, u32 uid, u8 and user, u8 whether there is a login, then u32 uid, u8 and
// user; the API's is u8 and key id, u16 and subject, u8 and issuer, u8 and address; a worker's is nothing. Ids are in
// order, each u8 for how many bytes it shares with the one before, u8 and the rest: those of one import have much in
// common.
#include "store/records/journal.hpp"

#include <algorithm>

#include "base/text_rules.hpp"
#include "store/records/record_codec.hpp"

namespace keyward {

using namespace codec;

namespace {

constexpr std::uint8_t kHasBefore = 1, kHasAfter = 2;
constexpr std::size_t kMaxChangeBytes = 8192;  // a list of scopes, or of networks

bool is_author_text(std::string_view text) noexcept { return text.size() <= kMaxAuthorBytes && is_plain_text(text); }

bool is_author(const Author &author) noexcept {
  switch (author.kind) {
    case AuthorKind::command:
      return is_author_text(author.command) && is_author_text(author.user) && is_author_text(author.login) &&
             (author.has_login || (author.login.empty() && author.login_uid == 0));
    case AuthorKind::api:
      return is_empty_or(author.key_id, is_id) && is_empty_or(author.subject, is_subject) &&
             is_empty_or(author.issuer, is_id) && is_author_text(author.address);
    case AuthorKind::worker:
      return true;
  }
  return false;
}

bool put_author(std::string *out, const Author &author) {
  using Short = std::uint8_t;
  if (author.kind == AuthorKind::command) {
    bool fits = put_text<Short>(out, author.command, kMaxAuthorBytes);
    put_int(out, author.uid);
    fits = fits && put_text<Short>(out, author.user, kMaxAuthorBytes);
    put_int(out, static_cast<Short>(author.has_login ? 1 : 0));
    if (author.has_login) {
      put_int(out, author.login_uid);
      fits = fits && put_text<Short>(out, author.login, kMaxAuthorBytes);
    }
    return fits;
  }
  return author.kind != AuthorKind::api ||
         (put_text<Short>(out, author.key_id, kMaxIdBytes) &&
          put_text<std::uint16_t>(out, author.subject, kMaxSubjectBytes) &&
          put_text<Short>(out, author.issuer, kMaxIdBytes) && put_text<Short>(out, author.address, kMaxAuthorBytes));
}

template <typename Length>
bool take_string(std::string_view *in, std::string *text) {
  std::string_view view;
  const bool taken = take_text<Length>(in, &view);
  *text = view;
  return taken;
}

bool take_author(std::string_view *in, Author *author) {
  using Short = std::uint8_t;
  if (author->kind == AuthorKind::command) {
    Short has_login = 0;
    if (!take_string<Short>(in, &author->command) || !take_int(in, &author->uid) ||
        !take_string<Short>(in, &author->user) || !take_int(in, &has_login) || has_login > 1) {
      return false;
    }
    author->has_login = has_login != 0;
    return !author->has_login || (take_int(in, &author->login_uid) && take_string<Short>(in, &author->login));
  }
  return author->kind != AuthorKind::api ||
         (take_string<Short>(in, &author->key_id) && take_string<std::uint16_t>(in, &author->subject) &&
          take_string<Short>(in, &author->issuer) && take_string<Short>(in, &author->address));
}

bool is_name(Operation operation, std::string_view name) noexcept {
  const std::string_view target = target_of(operation);
  return target == "key"       ? operation == Operation::keys_imported ? name.empty() : is_id(name)
               : target == "subject" ? is_subject(name)
         : target == "plan"    ? is_plan_name(name)
         : target == "jti"     ? !name.empty() && name.size() <= kMaxJtiBytes
                               : name.empty();
}

bool is_valid(const JournalEntry &entry) noexcept {
  if (entry.operation < Operation::key_created || entry.operation > kLastOperation || !is_time(entry.at_s) ||
      !is_author(entry.author) || !is_name(entry.operation, entry.name) || !is_empty_or(entry.owner, is_subject) ||
      (!entry.owner.empty() && target_of(entry.operation) != "key") ||
      entry.ids.empty() == (entry.operation == Operation::keys_imported) || entry.ids.size() > kMaxEntryIds) {
    return false;
  }
  for (std::size_t i = 0; i < entry.ids.size(); ++i) {
    if (!is_id(entry.ids[i]) || (i != 0 && entry.ids[i - 1] >= entry.ids[i])) {
      return false;
    }
  }
  const auto is_text = [](const std::optional<std::string> &text) {
    return !text || (text->size() <= kMaxChangeBytes && is_plain_text(*text));
  };
  for (std::size_t i = 0; i < entry.changes.size(); ++i) {
    const FieldChange &change = entry.changes[i];
    if (change.field < Field::state || change.field > kLastField || change.before == change.after ||
        (i != 0 && entry.changes[i - 1].field >= change.field) || !is_text(change.before) || !is_text(change.after)) {
      return false;
    }
  }
  return true;
}

std::size_t shared_bytes(std::string_view a, std::string_view b) noexcept {
  return static_cast<std::size_t>(
      std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(std::min(a.size(), b.size())), b.begin()).first -
      a.begin());
}

void put_ids(std::string *out, const std::vector<std::string> &ids) {
  put_int(out, static_cast<std::uint16_t>(ids.size()));
  std::string_view last;
  for (const std::string &id : ids) {
    const std::size_t shared = shared_bytes(last, id);
    put_int(out, static_cast<std::uint8_t>(shared));
    put_text<std::uint8_t>(out, std::string_view(id).substr(shared), kMaxIdBytes);
    last = id;
  }
}

bool take_ids(std::string_view *in, std::vector<std::string> *ids) {
  std::uint16_t count = 0;
  ids->clear();
  if (!take_int(in, &count) || count > kMaxEntryIds) {
    return false;
  }
  for (; count != 0; --count) {
    const std::string_view last = ids->empty() ? std::string_view() : std::string_view(ids->back());
    std::uint8_t shared = 0;
    std::string_view rest;
    if (!take_int(in, &shared) || shared > last.size() || !take_text<std::uint8_t>(in, &rest)) {
      return false;
    }
    std::string id(last.substr(0, shared));
    id.append(rest);
    if (shared_bytes(last, id) != shared) {
      return false;  // written in another way than encode() does
    }
    ids->push_back(std::move(id));
  }
  return true;
}

bool take_change(std::string_view *in, FieldChange *change) {
  std::uint8_t field = 0, there = 0;
  if (!take_int(in, &field) || !take_int(in, &there) || there > (kHasBefore | kHasAfter)) {
    return false;
  }
  change->field = static_cast<Field>(field);
  const auto take = [in](bool is_there, std::optional<std::string> *text) {
    return !is_there || take_string<std::uint16_t>(in, &text->emplace());
  };
  return take((there & kHasBefore) != 0, &change->before) && take((there & kHasAfter) != 0, &change->after);
}

}  // namespace

Bytes<8> journal_key(std::uint64_t number) noexcept {
  Bytes<8> key = {};
  for (std::size_t i = key.size(); i-- > 0; number >>= 8) {
    key[i] = static_cast<std::uint8_t>(number);
  }
  return key;
}

bool parse_journal_key(std::string_view key, std::uint64_t *number) noexcept {
  *number = 0;
  for (const char c : key) {
    *number = *number << 8 | static_cast<std::uint8_t>(c);
  }
  return key.size() == sizeof(*number) && *number != 0;
}

std::string encode(const JournalEntry &entry) {
  std::string out;
  if (!is_valid(entry)) {
    return out;
  }
  out.reserve(128);
  put_int(&out, kRecordVersion);
  put_int(&out, static_cast<std::uint8_t>(entry.operation));
  put_int(&out, static_cast<std::uint8_t>(entry.author.kind));
  put_int(&out, entry.position);
  put_int(&out, entry.at_s);
  bool fits = put_author(&out, entry.author) && put_text<std::uint16_t>(&out, entry.name, kMaxJtiBytes) &&
              put_text<std::uint16_t>(&out, entry.owner, kMaxSubjectBytes);
  put_int(&out, static_cast<std::uint8_t>(entry.changes.size()));
  for (const FieldChange &change : entry.changes) {
    put_int(&out, static_cast<std::uint8_t>(change.field));
    put_int(&out, static_cast<std::uint8_t>((change.before ? kHasBefore : 0) | (change.after ? kHasAfter : 0)));
    fits = fits && (!change.before || put_text<std::uint16_t>(&out, *change.before, kMaxChangeBytes)) &&
           (!change.after || put_text<std::uint16_t>(&out, *change.after, kMaxChangeBytes));
  }
  put_ids(&out, entry.ids);
  return fits ? out : std::string();
}

bool decode(std::string_view content, JournalEntry *entry) {
  std::uint8_t version = 0, operation = 0, kind = 0, changes = 0;
  entry->author = {};
  entry->changes.clear();
  if (!take_int(&content, &version) || version != kRecordVersion || !take_int(&content, &operation) ||
      !take_int(&content, &kind) || !take_int(&content, &entry->position) || !take_int(&content, &entry->at_s)) {
    return false;
  }
  entry->operation = static_cast<Operation>(operation);
  entry->author.kind = static_cast<AuthorKind>(kind);
  if (!take_author(&content, &entry->author) || !take_string<std::uint16_t>(&content, &entry->name) ||
      !take_string<std::uint16_t>(&content, &entry->owner) || !take_int(&content, &changes)) {
    return false;
  }
  for (; changes != 0; --changes) {
    if (!take_change(&content, &entry->changes.emplace_back())) {
      return false;
    }
  }
  return take_ids(&content, &entry->ids) && content.empty() && is_valid(*entry);
}

std::string encode(const JournalState &state) {
  std::string out;
  put_int(&out, kRecordVersion);
  put_int(&out, state.next);
  put_int(&out, state.entries);
  return out;
}

bool decode(std::string_view content, JournalState *state) noexcept {
  std::uint8_t version = 0;
  return take_int(&content, &version) && version == kRecordVersion && take_int(&content, &state->next) &&
         take_int(&content, &state->entries) && content.empty() && state->next > state->entries;
}

std::uint64_t number_by_time(std::int64_t now_s) noexcept {
  constexpr unsigned kBits = 20;  // what results is exact in JSON for two centuries
  return static_cast<std::uint64_t>(std::max<std::int64_t>(now_s, 0)) << kBits;
}

}  // namespace keyward
