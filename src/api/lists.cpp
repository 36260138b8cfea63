// Lists of keys, page by page.
#include <algorithm>

#include "api/describe.hpp"
#include "api/operation.hpp"
#include "base/digits.hpp"
#include "base/quote.hpp"
#include "base/time_text.hpp"
#include "keys/key_filter.hpp"

namespace keyward::api {
namespace {

constexpr std::size_t kKeysPerSnapshot = 2000;  // some milliseconds
constexpr std::size_t kMostLookedAt = 100000;   // of one request; its page is short then, and says where to go on

struct Wanted {
  keys::KeyFilter filter;
  std::string subject, after;
  std::size_t limit = 0;  // 0: all
};
struct Found {
  KeyRecord key;
  Digest usage_name = {};
  UsageRecord usage;
};
struct Page {
  std::vector<Found> keys;
  std::string next;  // where the next page begins: behind this id; empty: this was the last
};

// A date, or a time from now ("30d").
bool read_deadline(const Work &work, const std::string &text, std::int64_t *time_s, std::string *error) {
  return parse_deadline(text, work.call.now_s, time_s, error);
}
// A date, or a time ago.
bool read_ago(const Work &work, const std::string &text, std::int64_t *time_s, std::string *error) {
  std::int64_t ago_s = 0;
  if (parse_time(text, time_s)) {
    return true;
  }
  *error = "write a date such as 2026-01-31, or a time ago such as 90d";
  const bool good = !text.empty() && (text.back() < '0' || text.back() > '9') && parse_duration(text, &ago_s);
  *time_s = std::max<std::int64_t>(1, work.call.now_s - ago_s);
  return good;
}

bool read_limit(const Work &work, const std::string &text, std::size_t *limit, std::string *error) {
  std::uint64_t number = 0;
  std::string_view rest = text;
  if (!take_digits(&rest, kMostPage, &number) || !rest.empty() || number == 0) {
    *error = "write a number from 1 to " + std::to_string(kMostPage);
    return false;
  }
  *limit = work.shape.page == 0 ? static_cast<std::size_t>(number)
                                : std::min(work.shape.page, static_cast<std::size_t>(number));
  return true;
}

bool set_parameter(const Work &work, const std::string &name, const std::string &value, Wanted *wanted,
                   std::string *error) {
  if (name == "state") {
    wanted->filter.state = value;
    *error = "write active, suspended, pending, revoked or expired";
    return keys::is_state_in_effect(value);
  }
  if (name == "expires_before") {
    return read_deadline(work, value, &wanted->filter.expires_before_s, error);
  }
  if (name == "unused_since") {
    return read_ago(work, value, &wanted->filter.unused_since_s, error);
  }
  if (name == "limit") {
    return read_limit(work, value, &wanted->limit, error);
  }
  *error = "it is empty";
  (name == "plan"      ? wanted->filter.plan
   : name == "name"    ? wanted->filter.name
   : name == "subject" ? wanted->subject
                       : wanted->after) = value;
  return !value.empty();
}

bool read_wanted(const Work &work, Wanted *wanted, std::string *error) {
  wanted->filter.now_s = work.call.now_s;
  wanted->limit = work.shape.page;
  wanted->filter.state = work.shape.only_active ? "active" : "";
  Parameters parameters;
  if (!read_query(work.call.query,
                  {"state", "subject", "plan", "name", "expires_before", "unused_since", "after", "limit"}, &parameters,
                  error)) {
    return false;
  }
  for (const auto &[name, value] : parameters.all) {
    std::string why;
    if (!set_parameter(work, name, value, wanted, &why)) {
      *error = "parameter " + quote(name) + ": " + why;
      return false;
    }
  }
  return true;
}

// Takes up those of one snapshot that fit by their records.
class Walk {
 public:
  Walk(const Work &work, const Wanted &wanted) : work_(work), wanted_(wanted), after_(wanted.after) {}

  StoreStatus run(Page *page) {
    bool more = true;
    std::size_t looked_at = 0;
    while (more && looked_at < kMostLookedAt) {
      std::vector<Found> found;
      StoreStatus status = look(&found, &looked_at, &more);
      if (!status.ok()) {
        return status;
      }
      for (Found &one : found) {
        one.usage = work_.service.usage(one.usage_name);
        if (!wanted_.filter.fits_use(one.key, one.usage)) {
          continue;
        }
        if (wanted_.limit != 0 && page->keys.size() == wanted_.limit) {
          page->next = page->keys.back().key.id;
          return {};
        }
        page->keys.push_back(std::move(one));
      }
    }
    page->next = more ? after_ : std::string();
    return {};
  }

 private:
  StoreStatus look(std::vector<Found> *found, std::size_t *looked_at, bool *more) {
    const auto visit = [&](const CredentialReader::FoundKey &one) {
      if (one.id <= after_ && !after_.empty()) {
        return true;  // a subject's keys are walked from the first on
      }
      after_ = one.id;
      ++*looked_at;
      if (keys::reaches(work_.caller(), one.key.subject) && wanted_.filter.fits(one.key)) {
        found->push_back({to_record(one.id, one.key), one.usage_name, {}});
      }
      return ++in_this_ % kKeysPerSnapshot != 0;
    };
    const std::size_t before = in_this_;
    StoreStatus status = work_.service.writer.read([&](CredentialReader &reader) -> StoreStatus {
      const std::string own = work_.shape.is_admin ? wanted_.subject : work_.call.who->subject;
      const std::string begin = after_;
      const StoreCode code =
          own.empty() ? reader.for_each_key(begin, visit, {}) : reader.for_each_key_of(own, visit, {});
      // A damaged key is refused, and isn't listed.
      const bool good = code == StoreCode::ok || code == StoreCode::damaged || code == StoreCode::not_found;
      return {good ? StoreCode::ok : code, {}};
    });
    *more = in_this_ - before == kKeysPerSnapshot;
    return status;
  }

  const Work &work_;
  const Wanted &wanted_;
  std::string after_;
  std::size_t in_this_ = 0;
};

void put_keys(json::Writer *out, const Work &work, const Page &page) {
  out->begin_array();
  for (const Found &one : page.keys) {
    write_key(out, work.shape, one.key, one.usage, work.call.now_s);
  }
  out->end_array();
}

// The same question, behind this page.
std::string next_target(const Work &work, const Wanted &wanted, const std::string &next) {
  std::string target = work.call.place + "?after=" + percent_encoded(next) + "&limit=" + std::to_string(wanted.limit);
  Parameters parameters;
  std::string error;
  read_query(work.call.query, {"state", "subject", "plan", "name", "expires_before", "unused_since", "after", "limit"},
             &parameters, &error);
  for (const auto &[name, value] : parameters.all) {
    if (name != "after" && name != "limit") {
      target.append("&").append(name).append("=").append(percent_encoded(value));
    }
  }
  return target;
}

}  // namespace

Reply list_keys(const Work &work) {
  Wanted wanted;
  std::string error;
  if (!read_wanted(work, &wanted, &error)) {
    return refusal(Reason::invalid_body, std::move(error));
  }
  Page page;
  const bool is_others = !work.shape.is_admin && !wanted.subject.empty() && wanted.subject != work.call.who->subject;
  if (!is_others) {
    if (const StoreStatus status = Walk(work, wanted).run(&page); !status.ok()) {
      return refusal_of(status);
    }
  }
  json::Writer out;
  if (work.shape.page == 0) {
    put_keys(&out, work, page);
  } else {
    out.begin_object().key("data");
    put_keys(&out, work, page);
    put_text(&out, "next", page.next);
    out.end_object();
  }
  Reply reply = with_body(200, out);
  if (!page.next.empty()) {
    reply.fields.emplace_back("Link", '<' + next_target(work, wanted, page.next) + ">; rel=\"next\"");
  }
  return reply;
}

}  // namespace keyward::api
