// What commands share: warnings, walks, transactions.
#include "cli/context.hpp"

#include <algorithm>
#include <utility>

#include "base/quote.hpp"
#include "cli/author.hpp"
#include "key/key_format.hpp"
#include "key/key_strength.hpp"
#include "keys/mint.hpp"

namespace keyward::cli {
namespace {

constexpr std::size_t kPageKeys = 5000;
constexpr std::size_t kNamedPlans = 20;

}  // namespace

Outcome from_store(const StoreStatus &status) {
  switch (status.code) {
    case StoreCode::ok:
      return done();
    case StoreCode::not_found:
      return no(status.text.empty() ? "not found" : status.text);
    case StoreCode::exists:
      return no(status.text.empty() ? "it is there already" : status.text);
    case StoreCode::missing:
      return store_failed(status.text + ", or name another by --store or KEYWARD_STORE");
    default:
      return store_failed(status.text.empty() ? "the store failed" : status.text);
  }
}

std::string Context::words(std::string text) const {
  for (const auto &[name, path] : aliases) {
    for (std::size_t at = 0; (at = text.find(name, at)) != std::string::npos; at += path.size()) {
      text.replace(at, name.size(), path);
    }
  }
  return text;
}

void Context::warn(std::string_view said) const {
  const auto text = words(std::string(said));
  if (json) {
    json::Writer writer;
    writer.begin_object().member("warning", text).end_object();
    write_error_line(writer.text());
  } else {
    write_error_line("keyward: warning: " + printable(text));
  }
}

void Context::note(std::string_view text) const {
  if (!json) {
    write_error_line(printable(words(std::string(text))));
  }
}

void Context::print(const json::Writer &writer) const { out.line(writer.text()); }

StoreLook::StoreLook(const Context &context) : status_(reader_.open(context.store)) {
  if (status_.ok()) {
    status_ = snapshot_.emplace(reader_).status();
  }
}

Outcome walk_keys(CredentialReader &reader, const std::string &subject, const KeyWalk &walk) {
  bool going = true;
  bool damage = false;
  const auto damaged = [&](std::string_view id) {
    damage = true;
    if (walk.damaged) {
      walk.damaged(id);
    }
  };
  std::string after;
  for (std::size_t page = kPageKeys; going && page == kPageKeys;) {
    Snapshot snapshot(reader);
    if (!snapshot.status().ok()) {
      return from_store(snapshot.status());
    }
    page = 0;
    const auto visit = [&](const CredentialReader::FoundKey &found) {
      going = walk.visit(found);
      if (++page == kPageKeys) {
        after = found.id;
      }
      return going && (page < kPageKeys || !subject.empty());
    };
    const auto code =
        subject.empty() ? reader.for_each_key(after, visit, damaged) : reader.for_each_key_of(subject, visit, damaged);
    if (code != StoreCode::ok && code != StoreCode::not_found && code != StoreCode::damaged) {
      return store_failed("the keys could not be read");
    }
    damage = damage || code == StoreCode::damaged;
    if (!subject.empty()) {
      page = 0;
    }
    if (walk.between) {
      going = walk.between() && going;
    }
  }
  return damage ? store_failed("the store has damaged records; `keyward store check` names them") : done();
}

Outcome from_answer(const keys::Answer &answer) {
  using keys::Result;
  if (answer.ok()) {
    return done();
  }
  return answer.result == Result::store_failed ? from_store(answer.status)
         : answer.result == Result::not_found  ? no("not found")
                                               : no("what was asked for is not valid");
}

Usage::Usage(const Context &context) {
  const auto status = store_.open(context.store, true, 0);
  open_ = status.ok();
  if (!open_ && status.code != StoreCode::missing && status.code != StoreCode::no_schema) {
    context.warn("use counts can't be read: " + status.text);
  }
}

UsageRecord Usage::of(const Digest &usage_name) {
  UsageRecord record;
  if (open_ && store_.find(usage_name, &record) != StoreCode::ok) {
    record = {};
  }
  return record;
}

bool Usage::find_credits(const Digest &account, CreditState *state) {
  const StoreCode code = open_ ? store_.find_credits(account, state) : StoreCode::io;
  return code == StoreCode::ok || code == StoreCode::not_found;
}

// Whoever gives the key in place of its id must not read it in an error, which may be kept.
std::string no_such_key_text(const std::string &id) {
  if (is_id(id) && !keys::is_minted_id(id) && (default_key_format().claims(id) || looks_strong(id))) {
    return "there is no key with this id, which isn't shown, as it may be a key; `keyward key check` tells the id of "
           "one";
  }
  return "there is no key with the id " + quote(is_id(id) ? id : "?");
}

Outcome no_such_key(const std::string &id) { return no(no_such_key_text(id) + "; `keyward key list` shows the ids"); }

Outcome damaged_record(std::string_view what, std::string_view name) {
  return store_failed("the record of " + std::string(what) + " " + std::string(name) + " is damaged");
}

Outcome check_plans(const Context &context, CredentialReader &reader, const std::set<std::string> &plans,
                    std::vector<std::string> *warnings) {
  Snapshot snapshot(reader);
  if (!snapshot.status().ok()) {
    return from_store(snapshot.status());
  }
  for (const auto &plan : plans) {
    PlanView view;
    if (plan.empty() || reader.find_plan(plan, &view) != StoreCode::not_found) {
      continue;
    }
    std::string names;
    std::size_t count = 0;
    reader.for_each_plan(
        [&](std::string_view name, const PlanView &) {
          if (++count <= kNamedPlans) {
            names.append(names.empty() ? "" : ", ").append(name);
          }
          return count <= kNamedPlans;
        },
        [](std::string_view) {});
    auto text = "the store has no plan \"" + plan + "\" (nginx's configuration may have it); ";
    text += names.empty() ? "it has none" : "it has " + names + (count > kNamedPlans ? " and others" : "");
    if (warnings != nullptr) {
      warnings->push_back(std::move(text));
    } else {
      context.warn(text);
    }
  }
  return done();
}

}  // namespace keyward::cli
