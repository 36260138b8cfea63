// Entries, member by member.
#include "keys/entry_json.hpp"

#include "base/time_text.hpp"

namespace keyward::keys {
namespace {

void put_text(json::Writer &writer, std::string_view name, std::string_view text) {
  writer.key(name);
  if (text.empty()) {
    writer.null();
  } else {
    writer.string(text);
  }
}

void write_author(json::Writer &writer, const Author &author) {
  writer.key("by").begin_object().member("kind", to_text(author.kind));
  switch (author.kind) {
    case AuthorKind::command:
      writer.member("command", author.command);
      put_text(writer, "user", author.user);
      writer.key("uid").number(static_cast<std::int64_t>(author.uid));
      if (author.has_login) {
        put_text(writer, "login", author.login);
        writer.key("login_uid").number(static_cast<std::int64_t>(author.login_uid));
      }
      break;
    case AuthorKind::api:
      put_text(writer, "key", author.key_id);
      put_text(writer, "issuer", author.issuer);
      put_text(writer, "subject", author.subject);
      put_text(writer, "address", author.address);
      break;
    case AuthorKind::worker:
      break;
  }
  writer.end_object();
}

}  // namespace

void write_entry(json::Writer *out, const JournalEntry &entry, bool names_author) {
  json::Writer &writer = *out;
  writer.begin_object().key("number").number(static_cast<std::int64_t>(entry.number));
  writer.member("at", to_rfc3339(entry.at_s));
  if (names_author) {
    write_author(writer, entry.author);
  } else {
    writer.key("by").begin_object().member("kind", "operator").end_object();
  }
  writer.member("operation", to_text(entry.operation));
  if (const auto target = target_of(entry.operation); !target.empty() && !entry.name.empty()) {
    writer.member(target, entry.name);
  }
  if (!entry.ids.empty()) {
    writer.key("keys").begin_array();
    for (const auto &id : entry.ids) {
      writer.string(id);
    }
    writer.end_array();
  }
  if (!entry.owner.empty()) {
    writer.member("subject", entry.owner);
  }
  writer.key("changes").begin_object();
  for (const auto &change : entry.changes) {
    const auto put = [&writer](const char *name, const std::optional<std::string> &text) {
      writer.key(name);
      if (text) {
        writer.string(*text);
      } else {
        writer.null();
      }
    };
    writer.key(to_text(change.field)).begin_object();
    put("before", change.before);
    put("after", change.after);
    writer.end_object();
  }
  writer.end_object().end_object();
}

}  // namespace keyward::keys
