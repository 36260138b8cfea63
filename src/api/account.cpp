// Who asks, what is left to whom, and what was done to which key.
#include <algorithm>
#include <limits>

#include "api/describe.hpp"
#include "api/operation.hpp"
#include "auth/scope.hpp"
#include "base/digits.hpp"
#include "base/networks.hpp"
#include "base/quote.hpp"
#include "base/time_text.hpp"
#include "decide/limits.hpp"
#include "decide/outcome.hpp"
#include "keys/entry_json.hpp"

namespace keyward::api {
namespace {

constexpr std::size_t kEntriesPerSnapshot = 1000;
constexpr std::size_t kMostEntries = 100000;  // looked at for one page

// Each of its own rates, and what is left of it where keyward_limit plan counts it.
void put_limits(json::Writer *out, const Work &work, const Principal &who) {
  out->key("limits").begin_array();
  const auto put = [&](const Rate &rate, const WindowState *state, std::string_view name) {
    out->begin_object().member("rate", to_text(rate));
    if (state != nullptr) {
      if (!name.empty()) {
        out->member("name", name);
      }
      SeenLimit limit;
      limit.state = *state;
      limit.state.admitted = true;  // when the window closes
      limit.seen_ms = work.call.now_ms;
      limit.window_s = rate.window_s;
      out->key("remaining").number(state->remaining);
      put_time(out, "reset",
               static_cast<std::int64_t>(
                   limit.reset_at_s(work.call.now_ms, static_cast<std::uint64_t>(work.call.now_s) * 1000)));
    }
    out->end_object();
  };
  for (const ConfiguredLimit &limit : work.service.own_limits) {
    for (const OwnWindow &window : look_at_own(work.service.zone, limit, who, work.call.now_s, work.call.now_ms)) {
      put(window.charge.rate, &window.state, limit.name);
    }
  }
  if (work.service.own_limits.empty()) {
    for (const Rate &rate : who.limits) {
      put(rate, nullptr, {});
    }
  }
  out->end_array();
}

// A key's, by its record.
Reply find_principal(const Work &work, Principal *who) {
  bool found = false;
  const StoreStatus status = work.service.writer.read([&](CredentialReader &reader) -> StoreStatus {
    CredentialReader::FoundKey key;
    const StoreCode code = is_id(work.route.id) ? reader.find_key_by_id(work.route.id, &key) : StoreCode::not_found;
    found = code == StoreCode::ok;
    if (!found || build_key_principal(reader, key, work.service.policy, who) == Built::damaged) {
      return {code == StoreCode::not_found ? StoreCode::ok : found ? StoreCode::damaged : code, {}};
    }
    return {};
  });
  if (!status.ok()) {
    return refusal_of(status);
  }
  if (!found) {
    return refusal(Reason::not_found);
  }
  name_counts(*work.service.zone.secret, who);
  return {};
}

class Audit {
 public:
  Audit(const Work &work, JournalQuery query, std::size_t limit)
      : work_(work), query_(std::move(query)), limit_(limit) {}

  StoreStatus run(json::Writer *out) {
    std::size_t count = 0, looked_at = 0;
    out->begin_object().key("data").begin_array();
    StoreStatus status;
    bool more = true;
    while (status.ok() && more && count < limit_ && looked_at < kMostEntries) {
      JournalPage page;
      status = work_.service.writer.read([&](CredentialReader &reader) -> StoreStatus {
        const StoreCode code = reader.read_journal(query_, kEntriesPerSnapshot, &page);
        for (JournalEntry &entry : page.entries) {
          keep_own_ids(reader, &entry);
        }
        return {code, {}};
      });
      looked_at += kEntriesPerSnapshot;
      more = page.more;
      for (const JournalEntry &entry : page.entries) {
        if (count == limit_) {
          more = true;
          page.last = last_;
          break;
        }
        ++count;
        last_ = entry.number;
        keys::write_entry(out, entry, is_shown(entry.author));
      }
      query_.after = page.last;
    }
    out->end_array().key("next");
    if (more) {
      out->number(static_cast<std::int64_t>(query_.after));
    } else {
      out->null();
    }
    out->end_object();
    return status;
  }

 private:
  // Others than the subject itself are the operator, to it.
  bool is_shown(const Author &author) const noexcept {
    return work_.shape.is_admin || (author.kind == AuthorKind::api && author.subject == work_.call.who->subject);
  }
  // An import's entry lists the keys of many.
  void keep_own_ids(CredentialReader &reader, JournalEntry *entry) const {
    if (work_.shape.is_admin) {
      return;
    }
    const auto is_others = [&](const std::string &id) {
      CredentialReader::FoundKey key;
      return reader.find_key_by_id(id, &key) != StoreCode::ok || key.key.subject != work_.call.who->subject;
    };
    entry->ids.erase(std::remove_if(entry->ids.begin(), entry->ids.end(), is_others), entry->ids.end());
  }

  const Work &work_;
  JournalQuery query_;
  std::size_t limit_;
  std::uint64_t last_ = 0;
};

bool read_number(const std::string *text, std::uint64_t most, std::uint64_t *number) {
  std::string_view rest = *text;
  return take_digits(&rest, most, number) && rest.empty();
}

bool read_audit_query(const Work &work, JournalQuery *query, std::size_t *limit, std::string *error) {
  Parameters parameters;
  if (!read_query(work.call.query, {"after", "limit", "key", "subject", "since"}, &parameters, error)) {
    return false;
  }
  std::uint64_t number = kUsualPage;
  const std::string *after = parameters.find("after"), *most = parameters.find("limit");
  const std::string *since = parameters.find("since"), *key = parameters.find("key");
  const std::string *subject = parameters.find("subject");
  if (after != nullptr && !read_number(after, std::numeric_limits<std::int64_t>::max(), &query->after)) {
    *error = "after: write the number of the last entry that is known";
  } else if (most != nullptr && (!read_number(most, kMostPage, &number) || number == 0)) {
    *error = "limit: write a number from 1 to " + std::to_string(kMostPage);
  } else if (since != nullptr && !parse_time(*since, &query->since_s)) {
    *error = "since: write a date, such as 2026-01-31";
  }
  *limit = static_cast<std::size_t>(number);
  query->key = key != nullptr ? *key : std::string();
  query->subject = !work.shape.is_admin ? work.call.who->subject : subject != nullptr ? *subject : std::string();
  return error->empty();
}

}  // namespace

Reply tell_caller(const Work &work) {
  const Principal &who = *work.call.who;
  json::Writer out;
  out.begin_object().member("kind", to_text(who.kind));
  put_text(&out, "id", who.key_id);
  put_text(&out, "issuer", who.issuer);
  put_text(&out, "subject", who.subject);
  put_text(&out, "plan", who.plan);
  out.key("scopes").begin_array();
  for (const std::string_view grant : split_list(who.grants.text(), ' ')) {
    out.string(grant);
  }
  out.end_array();
  put_limits(&out, work, who);
  out.key("allow_from");
  if (who.allow_from.empty()) {
    out.null();
  } else {
    out.begin_array();
    for (const Network &network : unpack_networks(who.allow_from)) {
      out.string(to_text(network));
    }
    out.end_array();
  }
  put_time(&out, "expires_at", who.stands_until_s == std::numeric_limits<std::int64_t>::max() ? 0 : who.stands_until_s);
  out.end_object();
  return with_body(200, out);
}

Reply read_audit(const Work &work) {
  JournalQuery query;
  std::size_t limit = 0;
  std::string error;
  if (!read_audit_query(work, &query, &limit, &error)) {
    return refusal(Reason::invalid_body, std::move(error));
  }
  json::Writer out;
  const StoreStatus status = Audit(work, std::move(query), limit).run(&out);
  return status.ok() ? with_body(200, out) : refusal_of(status);
}

Reply show_limits(const Work &work) {
  Principal who;
  Reply reply = find_principal(work, &who);
  if (reply.reason != Reason::none) {
    return reply;
  }
  json::Writer out;
  out.begin_object().member("id", work.route.id);
  put_limits(&out, work, who);
  out.end_object();
  return with_body(200, out);
}

Reply reset_limits(const Work &work) {
  Principal who;
  Reply reply = find_principal(work, &who);
  if (reply.reason != Reason::none) {
    return reply;
  }
  const std::string name(work.route.id);
  const keys::Answer answer = change_store(work, kWaitMs, [&](WriteTxn &txn) {
    keys::Bound bound;
    keys::Answer done = bound.find(txn, work.caller(), work.call.now_s);
    return done.ok() ? keys::Answer(txn.note_limits_reset(name, who.subject)) : done;
  });
  if (!answer.ok()) {
    return refusal_of(work, answer);
  }
  for (const ConfiguredLimit &limit : work.service.own_limits) {
    for (OwnWindow &window : look_at_own(work.service.zone, limit, who, work.call.now_s, work.call.now_ms)) {
      window.charge.cost = window.state.limit - std::min(window.state.limit, window.state.remaining);
      if (window.charge.cost != 0) {
        work.service.zone.principals->give_back(window.charge, work.call.now_ms, work.call.now_ms);
      }
    }
  }
  reply.status = 204;
  return reply;
}

}  // namespace keyward::api
