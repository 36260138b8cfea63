// The members of an import's line, but for those of its verifier (import_verifier.hpp).
//
// id, name, subject, plan, scopes, limits, concurrency, allow_from, meta, created_at, expires_at, last_used_at, preview,
// state. An export adds what else a record holds: changed_at, overlap_until, predecessor, successor, counter_id, pkce_challenge,
// pkce_tries, uses.
#include "cli/import_line.hpp"

#include <algorithm>
#include <utility>

#include "base/networks.hpp"
#include "base/quote.hpp"
#include "base/time_text.hpp"
#include "cli/arguments.hpp"
#include "cli/import_verifier.hpp"
#include "json/json.hpp"
#include "keys/meta.hpp"

namespace keyward::cli {
namespace {

using Type = json::Value::Type;
using keys::ImportedKey;
using keys::ImportRules;

constexpr std::int64_t kLastTime = 253402300799;  // the end of the year 9999

// What is gathered of a line.
struct Draft {
  ImportedKey *key;
  VerifierMembers verifier;
  std::string *error;

  bool fail(std::string text) const {
    *error = std::move(text);
    return false;
  }
};

bool text_of_member(const json::Value &value, const char *what, Draft *draft, std::string_view *text) {
  if (value.type != Type::string) {
    return draft->fail(std::string(what) + " has to be a string");
  }
  *text = value.text;
  return true;
}

bool take_text(const json::Value &value, const char *name, bool (*is_valid)(std::string_view) noexcept, Draft *draft,
               std::string *out) {
  std::string_view text;
  if (!text_of_member(value, name, draft, &text)) {
    return false;
  }
  if (!is_valid(text)) {
    return draft->fail(std::string(name) + " is too long, or has characters that are not allowed");
  }
  *out = text;
  return true;
}

// RFC 3339, or whole Unix seconds.
bool take_time(const json::Value &value, const char *name, Draft *draft, std::int64_t *time_s) {
  const bool read = value.type == Type::string ? parse_time(value.text, time_s) : value.as_int(time_s);
  if (!read || *time_s <= 0 || *time_s > kLastTime) {
    return draft->fail(std::string(name) +
                       " is not a time; write one such as \"2026-01-02T03:04:05Z\", or Unix seconds");
  }
  return true;
}

template <typename T>
bool take_list(const json::Value &value, const char *name,
               bool (*add)(std::string_view, OptionalList<T> *, std::string *), Draft *draft, OptionalList<T> *list) {
  if (value.type != Type::array) {
    return draft->fail(std::string(name) + " has to be an array of strings");
  }
  list->present = true;
  for (const auto &item : value.items) {
    std::string problem;
    if (item.type != Type::string) {
      return draft->fail(std::string(name) + " has to be an array of strings");
    }
    if (!add(item.text, list, &problem)) {
      return draft->fail(std::string(name) + ": " + problem);
    }
  }
  return true;
}

bool take_number(const json::Value &value, const char *name, std::int64_t least, std::int64_t most, Draft *draft,
                 std::int64_t *number) {
  if (!value.as_int(number) || *number < least || *number > most) {
    return draft->fail(std::string(name) + " has to be a whole number from " + std::to_string(least) + " to " +
                       std::to_string(most));
  }
  return true;
}

bool take_id(const json::Value &value, Draft *draft) {
  std::string_view text;
  if (!text_of_member(value, "id", draft, &text)) {
    return false;
  }
  if (!is_new_id(text)) {
    return draft->fail("id has to be 1 to " + std::to_string(kMaxIdBytes) +
                       " of letters, digits and _ - . ~ : @, and begin with a letter, a digit or _");
  }
  draft->key->record.id = text;
  return true;
}

bool take_allow_from(const json::Value &value, Draft *draft) {
  std::vector<Network> networks;
  std::string problem;
  if (value.type != Type::array || value.items.empty()) {
    return draft->fail("allow_from has to be an array of networks; without it a key may be used from everywhere");
  }
  for (const auto &item : value.items) {
    if (item.type != Type::string || !parse_network(item.text, &networks.emplace_back(), &problem)) {
      return draft->fail(problem.empty() ? "allow_from has to be an array of strings" : "allow_from: " + problem);
    }
  }
  return pack_networks(std::move(networks), &draft->key->record.allow_from) ||
         draft->fail("allow_from has more than " + std::to_string(kMaxNetworks) + " networks");
}

bool take_meta(const json::Value &value, Draft *draft) {
  std::string problem;
  return keys::take_meta(value, &draft->key->record.meta, &problem) || draft->fail("meta: " + problem);
}

bool is_preview(std::string_view text) noexcept { return text.size() <= kMaxPreviewBytes && is_display_name(text); }

bool take_state(const json::Value &value, Draft *draft) {
  if (value.type != Type::string || !parse_key_state(value.text, &draft->key->record.state)) {
    return draft->fail("state has to be \"active\", \"suspended\" or \"revoked\"");
  }
  return true;
}

struct MemberRule {
  std::string_view name;
  bool (*take)(const json::Value &value, Draft *draft);
};

// By first come in our own exports, which makes the search short.
constexpr MemberRule kMembers[] = {
    {"id", take_id},
    {"name",
     [](const json::Value &v, Draft *d) { return take_text(v, "name", is_display_name, d, &d->key->record.name); }},
    {"subject",
     [](const json::Value &v, Draft *d) { return take_text(v, "subject", is_subject, d, &d->key->record.subject); }},
    {"plan",
     [](const json::Value &v, Draft *d) { return take_text(v, "plan", is_plan_name, d, &d->key->record.plan); }},
    {"scopes",
     [](const json::Value &v, Draft *d) { return take_list(v, "scopes", add_grant, d, &d->key->record.scopes); }},
    {"limits",
     [](const json::Value &v, Draft *d) { return take_list(v, "limits", add_limit, d, &d->key->record.limits); }},
    {"concurrency",
     [](const json::Value &v, Draft *d) {
       std::int64_t number = 0;
       const bool read = take_number(v, "concurrency", 1, kMaxConcurrency, d, &number);
       d->key->record.concurrency = static_cast<std::uint32_t>(number);
       return read;
     }},
    {"allow_from", take_allow_from},
    {"meta", take_meta},
    {"state", [](const json::Value &v, Draft *d) { return take_state(v, d); }},
    {"created_at",
     [](const json::Value &v, Draft *d) { return take_time(v, "created_at", d, &d->key->record.created_at_s); }},
    {"expires_at",
     [](const json::Value &v, Draft *d) { return take_time(v, "expires_at", d, &d->key->record.expires_at_s); }},
    {"last_used_at",
     [](const json::Value &v, Draft *d) { return take_time(v, "last_used_at", d, &d->key->last_used_s); }},
    {"preview",
     [](const json::Value &v, Draft *d) { return take_text(v, "preview", is_preview, d, &d->key->record.preview); }},
    {"changed_at",
     [](const json::Value &v, Draft *d) { return take_time(v, "changed_at", d, &d->key->record.changed_at_s); }},
    {"overlap_until",
     [](const json::Value &v, Draft *d) { return take_time(v, "overlap_until", d, &d->key->record.overlap_until_s); }},
    {"predecessor",
     [](const json::Value &v, Draft *d) { return take_text(v, "predecessor", is_id, d, &d->key->record.predecessor); }},
    {"successor",
     [](const json::Value &v, Draft *d) { return take_text(v, "successor", is_id, d, &d->key->record.successor); }},
    {"counter_id",
     [](const json::Value &v, Draft *d) { return take_text(v, "counter_id", is_id, d, &d->key->record.counter_id); }},
    {"pkce_challenge",
     [](const json::Value &v, Draft *d) {
       return take_text(v, "pkce_challenge", is_pkce_challenge, d, &d->key->record.pkce_challenge);
     }},
    {"pkce_tries",
     [](const json::Value &v, Draft *d) {
       std::int64_t number = 0;
       const bool read = take_number(v, "pkce_tries", 0, 255, d, &number);
       d->key->record.pkce_tries = static_cast<std::uint8_t>(number);
       return read;
     }},
    {"uses",
     [](const json::Value &v, Draft *d) {
       std::int64_t number = 0;
       const bool read = take_number(v, "uses", 0, std::int64_t{1} << 53, d, &number);
       d->key->uses = static_cast<std::uint64_t>(number);
       return read;
     }},
};

// A name that is one, and not a key in the wrong place.
bool may_be_shown(std::string_view name) {
  return name.size() <= 24 &&
         std::all_of(name.begin(), name.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '_' || c == '-'; });
}

std::string names_of_members() {
  std::string names;
  for (const MemberRule &rule : kMembers) {
    names.append(names.empty() ? "" : ", ").append(rule.name);
  }
  return names + ", " + names_of_verifier_members();
}

// As LineMember has it; all that tell the verifier are one. 0: an update doesn't look at it, or there is nothing to clear.
std::uint32_t bit_of(std::string_view name, bool is_null) {
  using Member = keys::LineMember;
  constexpr std::pair<std::string_view, Member> kNames[] = {
      {"name", Member::name},
      {"subject", Member::subject},
      {"plan", Member::plan},
      {"scopes", Member::scopes},
      {"limits", Member::limits},
      {"concurrency", Member::concurrency},
      {"allow_from", Member::allow_from},
      {"meta", Member::meta},
      {"state", Member::state},
      {"created_at", Member::created_at},
      {"expires_at", Member::expires_at},
      {"preview", Member::preview},
      {"changed_at", Member::changed_at},
      {"overlap_until", Member::overlap_until},
      {"predecessor", Member::predecessor},
      {"successor", Member::successor},
      {"counter_id", Member::counter_id},
      {"pkce_challenge", Member::pkce_challenge},
      {"pkce_tries", Member::pkce_tries},
  };
  for (const auto &[text, member] : kNames) {
    if (text == name) {
      return is_null && member == Member::state ? 0 : 1U << static_cast<unsigned>(member);
    }
  }
  const bool is_other = is_null || name == "id" || name == "uses" || name == "last_used_at";
  return is_other ? 0 : 1U << static_cast<unsigned>(Member::verifier);
}

bool take_members(const json::Value &object, Draft *draft) {
  for (const auto &[name, value] : object.members) {
    const auto rule = std::find_if(std::begin(kMembers), std::end(kMembers),
                                   [&member = name](const auto &each) { return each.name == member; });
    bool of_verifier = false;
    if (rule == std::end(kMembers) &&
        !take_verifier_member(name, value, &draft->verifier, &of_verifier, draft->error)) {
      return false;
    }
    if (rule == std::end(kMembers) && !of_verifier) {
      return draft->fail((may_be_shown(name) ? "unknown member " + quote(name)
                                             : "a member is unknown; its name isn't shown, as it may be a key") +
                         "; there are " + names_of_members());
    }
    draft->key->named |= bit_of(name, value.type == Type::null);
    if (!of_verifier && value.type != Type::null && !rule->take(value, draft)) {
      return false;
    }
  }
  return true;
}

}  // namespace

bool parse_import_line(std::string_view line, const ImportRules &rules, ImportedKey *key, std::string *error) {
  *key = {};
  json::Value object;
  if (!json::parse(line, {1 + keys::kMaxMetaDepth, kMaxImportLineBytes}, &object, error)) {
    return false;
  }
  if (object.type != Type::object) {
    *error = "not a JSON object";
    return false;
  }
  Draft draft{};
  draft.key = key;
  draft.error = error;
  bool taken = take_members(object, &draft);
  // A line without a verifier is about a key that is there, if any.
  const bool has_verifier = key->names(keys::LineMember::verifier);
  taken = taken && ((rules.update && !has_verifier) || take_verifier(draft.verifier, rules, key, error));
  if (draft.verifier.has_plain) {
    for (auto &[name, value] : object.members) {
      wipe(value.text.data(), value.text.size());
    }
  }
  if (!taken) {
    return false;
  }
  auto &record = key->record;
  if (!draft.verifier.has_plain) {
    key->shape = shape_by_preview(record.preview);
  }
  if (record.state == KeyState::pending) {
    *error =
        "state \"pending\": such a key lives for ten minutes from when it was made, so it isn't imported; write "
        "\"active\", \"suspended\" or \"revoked\"";
    return false;
  }
  if (!record.pkce_challenge.empty() && record.state != KeyState::revoked) {
    *error = "pkce_challenge: only a pending key has one, and these aren't imported; leave it out";
    return false;
  }
  if (!rules.update) {
    keys::date_new_key(rules, key);
  }
  return true;
}

}  // namespace keyward::cli
