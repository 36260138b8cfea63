// The form of a key's record on disk.
//
//   u8 version, state, verifier kind, flags, pkce tries; i64 created, expires, changed, overlap; 16 bytes locator;
//   verifier, subject, plan, scopes, limits, name, preview, legacy prefix, predecessor, successor, counter, challenge
//
// Texts stand behind their length (u8; u16 for subject and scopes), limits behind their number.
//
// What came later follows in fields with tags (see Tag), and the version is 2 then. A record without any is of version
// 1, so that no record can be written in two ways. A new field is a word in Tag, a line in put_fields() and one in
// take_field(): a program that doesn't know it takes the record for damaged, as it can't tell whom the field keeps out.
#include <utility>

#include "base/networks.hpp"
#include "base/text_rules.hpp"
#include "key/hash_form.hpp"
#include "store/records/record.hpp"
#include "store/records/record_codec.hpp"

namespace keyward {

namespace {

using namespace codec;

constexpr std::uint8_t kIndexed = 1, kHasScopes = 2, kHasLimits = 4;
constexpr std::size_t kMaxVerifierBytes = 60;

// On disk; they ascend there.
enum class Tag : std::uint8_t {
  verifier = 1,      // of the kinds from `hash` on; the place of the older ones is empty then
  locator_kind = 2,  // u8, where it isn't sha256
  allow_from = 3,    // packed networks
  meta = 4,          // JSON
  concurrency = 5,   // u32, where it isn't 0
  suspended_by = 6,  // u8 1: the subject itself; of suspended keys only
};

struct Name {
  KeyState state;
  std::string_view text;
};
constexpr Name kStates[] = {{KeyState::active, "active"},
                            {KeyState::suspended, "suspended"},
                            {KeyState::pending, "pending"},
                            {KeyState::revoked, "revoked"}};

std::uint8_t flags_of(const KeyRecord &record) noexcept {
  return static_cast<std::uint8_t>((record.indexed ? kIndexed : 0) | (record.scopes.present ? kHasScopes : 0) |
                                   (record.limits.present ? kHasLimits : 0));
}

bool has_tagged_verifier(VerifierKind kind) noexcept { return kind >= VerifierKind::hash; }

void put_fields(std::string *out, const KeyRecord &record) {
  const auto put = [out](Tag tag, std::string_view content) {
    put_tagged(out, static_cast<std::uint8_t>(tag), content);
  };
  if (has_tagged_verifier(record.verifier_kind)) {
    put(Tag::verifier, record.verifier);
  }
  if (record.locator_kind != LocatorKind::sha256) {
    const char kind = static_cast<char>(record.locator_kind);
    put(Tag::locator_kind, {&kind, 1});
  }
  if (!record.allow_from.empty()) {
    put(Tag::allow_from, record.allow_from);
  }
  if (!record.meta.empty()) {
    put(Tag::meta, record.meta);
  }
  if (record.concurrency != 0) {
    std::string number;
    put_int(&number, record.concurrency);
    put(Tag::concurrency, number);
  }
  if (record.state == KeyState::suspended && record.suspended_by_subject) {
    put(Tag::suspended_by, {"\1", 1});
  }
}

// Whoever writes one has parsed it; this sees that it is in one line, and no end of it is missing.
bool is_object(std::string_view text) noexcept {
  return text.size() >= 2 && text.size() <= kMaxMetaBytes && text.front() == '{' && text.back() == '}' &&
         is_plain_text(text);
}

// What is written for "none" is no field: it isn't written.
bool take_field(Tag tag, std::string_view content, KeyView *view) noexcept {
  switch (tag) {
    case Tag::verifier:
      view->verifier = content;
      return has_tagged_verifier(view->verifier_kind) && !content.empty();
    case Tag::locator_kind: {
      std::uint8_t kind = 0;
      const bool known = take_int(&content, &kind) && content.empty() && kind != 0 &&
                         kind <= static_cast<std::uint8_t>(LocatorKind::hmac_sha256);
      view->locator_kind = static_cast<LocatorKind>(kind);
      return known;
    }
    case Tag::allow_from:
      view->allow_from = content;
      return are_networks(content);
    case Tag::meta:
      view->meta = content;
      return is_object(content);
    case Tag::concurrency:
      return take_int(&content, &view->concurrency) && content.empty() && view->concurrency != 0 &&
             view->concurrency <= kMaxConcurrency;
    case Tag::suspended_by:
      view->suspended_by_subject = true;
      return view->state == KeyState::suspended && content == std::string_view("\1", 1);
  }
  return false;
}

// What stands behind the texts: nothing in the first version, at least one field in the second. The view may have been
// used before: what has no field is "none".
bool take_fields(std::uint8_t version, std::string_view *in, KeyView *view) noexcept {
  view->locator_kind = LocatorKind::sha256;
  view->allow_from = view->meta = {};
  view->concurrency = 0;
  view->suspended_by_subject = false;
  const bool has_fields = version == kTaggedRecordVersion;
  if (has_fields == in->empty() || (has_tagged_verifier(view->verifier_kind) && !view->verifier.empty())) {
    return false;
  }
  std::uint8_t tag = 0;
  std::string_view content;
  while (!in->empty()) {
    if (!take_tagged(in, &tag, &content) || !take_field(static_cast<Tag>(tag), content, view)) {
      return false;
    }
  }
  return true;
}

bool take_texts(std::string_view *in, KeyView *view) noexcept {
  using Short = std::uint8_t;
  return take_bytes(in, std::tuple_size_v<Locator>, &view->locator) && take_text<Short>(in, &view->verifier) &&
         take_text<std::uint16_t>(in, &view->subject) && take_text<Short>(in, &view->plan) &&
         take_scopes(in, view->has_scopes, &view->scopes) && take_limits(in, view->has_limits, &view->limits) &&
         take_text<Short>(in, &view->name) && take_text<Short>(in, &view->preview) &&
         take_text<Short>(in, &view->legacy_prefix) && take_text<Short>(in, &view->predecessor) &&
         take_text<Short>(in, &view->successor) && take_text<Short>(in, &view->counter_id) &&
         take_text<Short>(in, &view->pkce_challenge);
}

bool is_hash(std::string_view text) noexcept {
  HashForm form;
  return parse_hash(text, &form) == HashFault::none;
}

// A digest of the whole key. While it is what the key is found by, the locator is its own.
bool is_digest(const KeyView &view, std::size_t size, LocatorKind own) noexcept {
  if (!view.indexed || !view.legacy_prefix.empty() || view.verifier.size() != size) {
    return false;
  }
  return view.locator_kind == own ? view_of(locator_of(own, view.verifier)) == view.locator
                                  : view.locator_kind == LocatorKind::sha256;
}

// A verifier of its kind, found in the way that its kind is found.
bool is_verifiable(const KeyView &view) noexcept {
  const std::string_view nowhere("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", std::tuple_size_v<Locator>);
  const bool by_sha256 = view.locator_kind == LocatorKind::sha256;
  if (!view.indexed && (view.locator != nowhere || !by_sha256)) {
    return false;
  }
  switch (view.verifier_kind) {
    case VerifierKind::bcrypt:
      return view.indexed && by_sha256 && view.legacy_prefix.empty() && is_bcrypt_hash(view.verifier);
    case VerifierKind::sha256:
      return by_sha256 && is_digest(view, std::tuple_size_v<Sha256>, LocatorKind::sha256);
    case VerifierKind::legacy_prefix:
      return by_sha256 && is_legacy_prefix(view.legacy_prefix) && is_bcrypt_hash(view.verifier);
    case VerifierKind::hash:
      return (view.legacy_prefix.empty() ? view.indexed : by_sha256 && is_legacy_prefix(view.legacy_prefix)) &&
             is_hash(view.verifier);
    case VerifierKind::sha512:
      return is_digest(view, std::tuple_size_v<Sha512>, LocatorKind::sha512);
    case VerifierKind::hmac_sha256:
      return is_digest(view, std::tuple_size_v<Sha256>, LocatorKind::hmac_sha256);
  }
  return false;
}

bool is_valid(const KeyView &view) noexcept {
  return view.state >= KeyState::active && view.state <= KeyState::revoked && is_verifiable(view) &&
         is_time(view.created_at_s) && is_time(view.expires_at_s) && is_time(view.changed_at_s) &&
         is_time(view.overlap_until_s) && is_empty_or(view.subject, is_subject) &&
         is_empty_or(view.plan, is_plan_name) && is_display_name(view.name) &&
         view.preview.size() <= kMaxPreviewBytes && is_plain_text(view.preview) &&
         is_empty_or(view.predecessor, is_id) && is_empty_or(view.successor, is_id) &&
         is_empty_or(view.counter_id, is_id) && is_empty_or(view.pkce_challenge, is_pkce_challenge);
}

}  // namespace

std::string_view to_text(KeyState state) noexcept {
  for (const Name &name : kStates) {
    if (name.state == state) {
      return name.text;
    }
  }
  return {};
}

bool parse_key_state(std::string_view text, KeyState *state) noexcept {
  for (const Name &name : kStates) {
    if (name.text == text) {
      *state = name.state;
      return true;
    }
  }
  return false;
}

std::string encode(const KeyRecord &record) {
  std::string out, fields;
  out.reserve(256);
  put_fields(&fields, record);
  put_int(&out, fields.empty() ? kRecordVersion : kTaggedRecordVersion);
  put_int(&out, static_cast<std::uint8_t>(record.state));
  put_int(&out, static_cast<std::uint8_t>(record.verifier_kind));
  put_int(&out, flags_of(record));
  put_int(&out, record.pkce_tries);
  put_int(&out, record.created_at_s);
  put_int(&out, record.expires_at_s);
  put_int(&out, record.changed_at_s);
  put_int(&out, record.overlap_until_s);
  out.append(view_of(record.locator));
  using Short = std::uint8_t;
  const bool tagged_verifier = has_tagged_verifier(record.verifier_kind);
  const bool fits = put_text<Short>(&out, tagged_verifier ? std::string_view() : record.verifier, kMaxVerifierBytes) &&
                    put_text<std::uint16_t>(&out, record.subject, kMaxSubjectBytes) &&
                    put_text<Short>(&out, record.plan, kMaxPlanBytes) && put_scopes(&out, record.scopes) &&
                    put_limits(&out, record.limits) && put_text<Short>(&out, record.name, kMaxNameBytes) &&
                    put_text<Short>(&out, record.preview, kMaxPreviewBytes) &&
                    put_text<Short>(&out, record.legacy_prefix, kMaxLegacyPrefixBytes) &&
                    put_text<Short>(&out, record.predecessor, kMaxIdBytes) &&
                    put_text<Short>(&out, record.successor, kMaxIdBytes) &&
                    put_text<Short>(&out, record.counter_id, kMaxIdBytes) &&
                    put_text<Short>(&out, record.pkce_challenge, kMaxChallengeBytes);
  return fits ? out.append(fields) : std::string();
}

bool is_tagged_record(std::string_view content) noexcept {
  std::uint8_t version = 0;
  return take_int(&content, &version) && version >= kTaggedRecordVersion;
}

bool is_newer_key(std::string_view content) noexcept {
  KeyView view;
  return is_tagged_record(content) || (decode(content, &view) && has_calendar_rate(view.limits));
}

bool decode(std::string_view content, KeyView *view) noexcept {
  std::uint8_t version = 0, state = 0, kind = 0, flags = 0;
  if (!take_int(&content, &version) || (version != kRecordVersion && version != kTaggedRecordVersion) ||
      !take_int(&content, &state) || !take_int(&content, &kind) || !take_int(&content, &flags) ||
      flags > (kIndexed | kHasScopes | kHasLimits)) {
    return false;
  }
  view->state = static_cast<KeyState>(state);
  view->verifier_kind = static_cast<VerifierKind>(kind);
  view->indexed = (flags & kIndexed) != 0;
  view->has_scopes = (flags & kHasScopes) != 0;
  view->has_limits = (flags & kHasLimits) != 0;
  return take_int(&content, &view->pkce_tries) && take_int(&content, &view->created_at_s) &&
         take_int(&content, &view->expires_at_s) && take_int(&content, &view->changed_at_s) &&
         take_int(&content, &view->overlap_until_s) && take_texts(&content, view) &&
         take_fields(version, &content, view) && is_valid(*view);
}

KeyRecord to_record(std::string_view id, const KeyView &view) {
  KeyRecord record;
  record.id = id;
  record.state = view.state;
  record.verifier_kind = view.verifier_kind;
  record.verifier = view.verifier;
  record.indexed = view.indexed;
  if (view.locator.size() == record.locator.size()) {
    std::memcpy(record.locator.data(), view.locator.data(), record.locator.size());
  }
  record.locator_kind = view.locator_kind;
  record.legacy_prefix = view.legacy_prefix;
  record.subject = view.subject;
  record.plan = view.plan;
  record.scopes = to_scopes(view.has_scopes, view.scopes);
  record.limits = to_limits(view.has_limits, view.limits);
  record.created_at_s = view.created_at_s;
  record.expires_at_s = view.expires_at_s;
  record.changed_at_s = view.changed_at_s;
  record.overlap_until_s = view.overlap_until_s;
  record.predecessor = view.predecessor;
  record.successor = view.successor;
  record.counter_id = view.counter_id;
  record.pkce_challenge = view.pkce_challenge;
  record.pkce_tries = view.pkce_tries;
  record.name = view.name;
  record.preview = view.preview;
  record.allow_from = view.allow_from;
  record.meta = view.meta;
  record.concurrency = view.concurrency;
  record.suspended_by_subject = view.suspended_by_subject;
  return record;
}

}  // namespace keyward
