// One key: made, shown, changed, ended.
#include <sys/time.h>

#include "api/describe.hpp"
#include "api/operation.hpp"
#include "base/quote.hpp"
#include "keys/activate.hpp"
#include "keys/change.hpp"
#include "keys/create.hpp"
#include "keys/key_state.hpp"

namespace keyward::api {
namespace {

constexpr std::int64_t kDaySeconds = 86400;
constexpr std::size_t kMaxIdempotencyKey = 255;

constexpr Members kTerms = only(Member::name) | only(Member::scopes) | only(Member::expires_at) |
                           only(Member::allow_from) | only(Member::meta);
constexpr Members kAdminTerms = only(Member::plan) | only(Member::limits) | only(Member::concurrency);

UsageRecord usage_of(const Work &work, std::string_view id) { return work.service.usage(work.seal.usage_name(id)); }

Reply shown(const Work &work, std::uint16_t status, const KeyRecord &key, std::string_view secret = {}) {
  json::Writer out;
  write_key(&out, work.shape, key, usage_of(work, key.id), work.call.now_s, secret);
  Reply reply = with_body(status, out);
  reply.fields.emplace_back("ETag", etag_of(work, key));
  return reply;
}

// 201, and where it is from now on.
Reply made(const Work &work, const KeyRecord &key, std::string_view secret) {
  Reply reply = shown(work, 201, key, secret);
  reply.fields.emplace_back("Location", work.call.place + '/' + percent_encoded(key.id));
  return reply;
}

bool read_body(const Work &work, Members known, Asked *asked, Reply *refused) {
  json::Value object;
  std::string error;
  const bool good = read_object(work.call.body, &object, &error) &&
                    read_asked(object, work.shape.names, known, work.call.now_s, asked, &error);
  json::wipe_texts(&object);  // a code verifier
  if (!good) {
    *refused = refusal(Reason::invalid_body, std::move(error));
  }
  return good;
}

// What `self` may not say, however it is written.
bool is_for_admins(const Work &work, const Asked &asked, Reply *refused) {
  const bool is_more = asked.plan || asked.limits || asked.concurrency || asked.verifier ||
                       (asked.subject && *asked.subject != work.call.who->subject);
  if (is_more && !work.shape.is_admin) {
    *refused =
        refusal(Reason::exceeds_caller, "subject, plan, limits, concurrency and verifier are for administrators");
    return true;
  }
  return false;
}

std::int64_t now_ms() noexcept {
  timeval now = {};
  gettimeofday(&now, nullptr);
  return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_usec / 1000;
}

// A key that was made under an Idempotency-Key has an id that follows from that, the caller and the day: so the store
// itself says whether there was such a request, in the transaction of the second one.
class Once {
 public:
  explicit Once(const Work &work) : work_(work) {
    const Principal &who = *work.call.who;
    // Ids, issuers and subjects have no NUL in them.
    std::string name("idempotency");
    for (const std::string_view part : {std::string_view(who.key_id), std::string_view(who.issuer),
                                        std::string_view(who.subject), std::string_view(work.call.idempotency_key)}) {
      name.append(1, '\0').append(part);
    }
    chance_ = work.seal.usage_name(name);
  }

  std::string id(int days_ago = 0) const {
    const std::int64_t day = work_.call.now_s / kDaySeconds - days_ago;
    // make_id() takes the last bytes.
    Digest bytes = chance_;
    return make_id(work_.shape.id_prefix.empty() ? "key_" : work_.shape.id_prefix, day * kDaySeconds * 1000, bytes);
  }

  // The first one's id; empty: there was none in 24 hours.
  keys::Answer find(WriteTxn &txn, std::string *first) const {
    for (const int days_ago : {0, 1}) {
      KeyRecord key;
      StoreStatus status = txn.get_key(id(days_ago), &key);
      if (status.ok() && key.created_at_s > work_.call.now_s - kDaySeconds) {
        *first = key.id;
        return keys::Result::in_use;
      }
      if (!status.ok() && status.code != StoreCode::not_found) {
        return status;
      }
    }
    return {};
  }

 private:
  const Work &work_;
  Digest chance_ = {};
};

Reply conflict_with(const std::string &id, std::string detail) {
  Reply reply = refusal(Reason::conflict, std::move(detail));
  reply.id = id;
  return reply;
}

bool is_idempotency_key(std::string_view text) noexcept {
  return text.size() <= kMaxIdempotencyKey && is_plain_text(text);
}

// Of a caller that may know of it, and whose If-Match is met.
keys::Answer check_match(const Work &work, WriteTxn &txn) {
  keys::Bound bound;
  KeyRecord key;
  keys::Answer answer = bound.find(txn, work.caller(), work.call.now_s);
  answer = answer.ok() ? keys::find_key(txn, bound, work.route.id, &key) : answer;
  return answer.ok() && !work.call.if_match.empty() && !matches(work.call.if_match, etag_of(work, key))
             ? keys::Answer(keys::Result::no_match)
             : answer;
}

Reply set_state(const Work &work, std::uint64_t wait_ms,
                keys::Answer (*move)(WriteTxn &, const keys::Caller &, std::string_view, std::int64_t, KeyRecord *)) {
  KeyRecord before, after;
  const keys::Answer answer = change_store(work, wait_ms, [&](WriteTxn &txn) {
    keys::Answer moved = check_match(work, txn);
    moved = moved.ok() ? move(txn, work.caller(), work.route.id, work.call.now_s, &before) : moved;
    StoreStatus status = moved.ok() ? txn.get_key(work.route.id, &after) : StoreStatus();
    return status.ok() ? moved : keys::Answer(std::move(status));
  });
  return answer.ok() ? shown(work, 200, after) : refusal_of(work, answer);
}

}  // namespace

Reply create_key(const Work &work) {
  Asked asked;
  Reply refused;
  constexpr Members kKnown =
      kTerms | kAdminTerms | only(Member::subject) | only(Member::verifier) | only(Member::pkce_challenge);
  if (!read_body(work, kKnown, &asked, &refused) || is_for_admins(work, asked, &refused)) {
    return refused;
  }
  if (!asked.name) {
    return refusal(Reason::invalid_body, quote(work.shape.names.name_of(Member::name)) + " is missing");
  }
  if (!is_idempotency_key(work.call.idempotency_key)) {
    return refusal(Reason::invalid_body, "Idempotency-Key: up to 255 bytes without control characters");
  }
  const bool once = !work.call.idempotency_key.empty();
  const Once request(work);
  keys::CreateRequest wanted;
  wanted.name = *asked.name;
  wanted.subject = asked.subject.value_or(std::string());
  wanted.plan = asked.plan.value_or(std::string());
  wanted.scopes = asked.scopes.value_or(OptionalList<std::string>());
  wanted.limits = asked.limits.value_or(OptionalList<Rate>());
  wanted.concurrency = asked.concurrency.value_or(0);
  wanted.expires_at_s = asked.expires_at_s.value_or(0);
  wanted.allow_from = asked.allow_from.value_or(std::string());
  wanted.meta = asked.meta.value_or(std::string());
  wanted.pkce_challenge = asked.pkce_challenge.value_or(std::string());
  wanted.now_s = work.call.now_s;
  wanted.id = once                            ? request.id()
              : !work.shape.id_prefix.empty() ? new_id(work.shape.id_prefix, now_ms())
                                              : std::string();
  keys::Minting minting{work.format, asked.verifier.value_or(work.format.verifier)};
  if (!keys::is_possible(minting)) {
    return refusal(Reason::invalid_body, "bcrypt can't see all of a key of this format; write \"sha256\"");
  }
  keys::MintedKey minted;
  if (!mint_within_gate(work, minting, &minted)) {
    refused = refusal(Reason::busy);
    refused.retry_after_s = 1;
    return refused;
  }
  std::string first;
  keys::Created created;
  const keys::Answer answer = change_store(work, kWaitMs, [&](WriteTxn &txn) {
    keys::Answer done = once ? request.find(txn, &first) : keys::Answer();
    return done.ok() ? keys::create(txn, work.caller(), wanted, minted, &created) : done;
  });
  if (!first.empty()) {
    return conflict_with(first, "this Idempotency-Key has made a key already");
  }
  return answer.ok() ? made(work, created.record, minted.text.view()) : refusal_of(work, answer);
}

Reply show_key(const Work &work) {
  Reply reply = refusal(Reason::not_found);
  KeyRecord key;
  Digest tag = {};
  bool found = false;
  const StoreStatus status = work.service.writer.read([&](CredentialReader &reader) -> StoreStatus {
    CredentialReader::FoundKey one;
    const StoreCode code = is_id(work.route.id) ? reader.find_key_by_id(work.route.id, &one) : StoreCode::not_found;
    found = code == StoreCode::ok && keys::reaches(work.caller(), one.key.subject);
    if (found) {
      key = to_record(one.id, one.key);
      tag = one.tag;
    }
    return {code == StoreCode::not_found ? StoreCode::ok : code, {}};
  });
  if (!status.ok()) {
    return refusal_of(status);
  }
  return found ? shown(work, 200, key) : std::move(reply);
}

Reply change_key(const Work &work) {
  Asked asked;
  Reply refused;
  if (!read_body(work, kTerms | kAdminTerms, &asked, &refused) || is_for_admins(work, asked, &refused)) {
    return refused;
  }
  keys::ChangeRequest wanted;
  wanted.id = work.route.id;
  wanted.name = std::move(asked.name);
  wanted.plan = std::move(asked.plan);
  wanted.scopes = std::move(asked.scopes);
  wanted.limits = std::move(asked.limits);
  wanted.concurrency = asked.concurrency;
  wanted.expires_at_s = asked.expires_at_s;
  wanted.allow_from = std::move(asked.allow_from);
  wanted.meta = std::move(asked.meta);
  wanted.now_s = work.call.now_s;
  keys::Changed changed;
  const keys::Answer answer = change_store(work, kWaitMs, [&](WriteTxn &txn) {
    keys::Answer done = check_match(work, txn);
    return done.ok() ? keys::change(txn, work.caller(), wanted, &changed) : done;
  });
  return answer.ok() ? shown(work, 200, changed.record) : refusal_of(work, answer);
}

Reply remove_key(const Work &work) {
  keys::Revoked revoked;
  const keys::Answer answer = change_store(work, kUrgentWaitMs, [&](WriteTxn &txn) {
    keys::Answer done = check_match(work, txn);
    return done.ok() ? keys::revoke(txn, work.caller(), work.route.id, work.call.now_s, &revoked) : done;
  });
  if (!answer.ok()) {
    return refusal_of(work, answer);
  }
  Reply reply;
  reply.status = 204;
  return reply;
}

Reply rotate_key(const Work &work) {
  Asked asked;
  Reply refused;
  if (!read_body(work, only(Member::overlap), &asked, &refused)) {
    return refused;
  }
  keys::RotateRequest wanted;
  wanted.id = work.route.id;
  wanted.overlap_s = asked.overlap_s.value_or(keys::kDefaultOverlapSeconds);
  wanted.now_s = work.call.now_s;
  // The successor is stored as the key that it replaces. rotate() looks at all of this again.
  keys::Minting minting{work.format, work.format.verifier};
  bool known = false;
  const StoreStatus looked = work.service.writer.read([&](CredentialReader &reader) -> StoreStatus {
    CredentialReader::FoundKey old;
    const StoreCode code = is_id(work.route.id) ? reader.find_key_by_id(work.route.id, &old) : StoreCode::not_found;
    known = code == StoreCode::ok && keys::reaches(work.caller(), old.key.subject);
    if (known) {
      keys::follow(to_record(old.id, old.key), &minting);
    }
    return {code == StoreCode::not_found ? StoreCode::ok : code, {}};
  });
  if (!looked.ok() || !known) {
    return looked.ok() ? refusal(Reason::not_found) : refusal_of(looked);
  }
  keys::MintedKey minted;
  if (!mint_within_gate(work, minting, &minted)) {
    refused = refusal(Reason::busy);
    refused.retry_after_s = 1;
    return refused;
  }
  if (!work.shape.id_prefix.empty()) {
    minted.record.id = new_id(work.shape.id_prefix, now_ms());
  }
  keys::Rotated rotated;
  const keys::Answer answer = change_store(work, kWaitMs, [&](WriteTxn &txn) {
    keys::Answer done = check_match(work, txn);
    return done.ok() ? keys::rotate(txn, work.caller(), wanted, minted, &rotated) : done;
  });
  if (answer.result == keys::Result::rotated_already) {
    return conflict_with(rotated.old.successor, "the key has a successor already");
  }
  return answer.ok() ? made(work, rotated.record, minted.text.view()) : refusal_of(work, answer);
}

Reply suspend_key(const Work &work) { return set_state(work, kUrgentWaitMs, keys::suspend); }
Reply resume_key(const Work &work) { return set_state(work, kWaitMs, keys::resume); }

Reply activate_key(const Work &work) {
  Asked asked;
  Reply refused;
  if (!read_body(work, only(Member::code_verifier), &asked, &refused)) {
    return refused;
  }
  if (work.call.who->kind != Kind::key) {
    return refusal(Reason::not_accepted, "the key that is to be activated has to come as the credential");
  }
  if (!asked.code_verifier) {
    return refusal(Reason::invalid_body, quote(work.shape.names.name_of(Member::code_verifier)) + " is missing");
  }
  keys::Activation activation;
  KeyRecord after;
  const keys::Answer answer = change_store(work, kWaitMs, [&](WriteTxn &txn) {
    keys::Answer done = keys::activate(txn, work.call.who->key_id, *asked.code_verifier, work.call.now_s, &activation);
    StoreStatus status = done.ok() ? txn.get_key(work.call.who->key_id, &after) : StoreStatus();
    return status.ok() ? done : keys::Answer(std::move(status));
  });
  wipe(asked.code_verifier->data(), asked.code_verifier->size());
  if (!answer.ok()) {
    return answer.result == keys::Result::wrong_state ? refusal(Reason::conflict, "the key isn't pending")
                                                      : refusal_of(work, answer);
  }
  if (!activation.activated) {
    return refusal(Reason::wrong_verifier,
                   activation.revoked ? "the key is revoked: begin the login anew" : std::string());
  }
  return shown(work, 200, after);
}

}  // namespace keyward::api
