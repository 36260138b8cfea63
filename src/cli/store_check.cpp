// Every record's checksum and form, and whether the tables lead to each other.
#include "cli/store_check.hpp"

#include <cstring>
#include <map>
#include <set>
#include <utility>

#include "base/hex.hpp"
#include "base/quote.hpp"

namespace keyward::cli {
namespace {

constexpr std::size_t kNamedPlans = 20;
constexpr std::size_t kJournalPage = 1000;

class Check {
 public:
  Check(const Context &context, CredentialReader &reader, CheckReport *report)
      : context_(context), reader_(reader), report_(report) {}

  void run() {
    open_usage();
    walk_plans();
    walk_subjects();
    walk_keys();
    check_subject_keys();
    check_prefixes();
    check_locators();
    find_strays();
    walk_denials();
    walk_journal();
    check_reach();
    walk_windows();
    walk_balances();
    note_missing_plans();
  }

 private:
  void add(const char *table, std::string_view name, std::string what) {
    report_->damage.push_back({table, std::string(name), std::move(what)});
  }

  void note_table(const char *table, StoreCode code, bool named) {
    if (code != StoreCode::ok && !(code == StoreCode::damaged && named)) {
      add(table, "", "not all of the table can be read");
    }
  }

  void open_usage() {
    const auto status = usage_.open(context_.store, true, 0);
    usage_open_ = status.ok();
    if (status.code == StoreCode::missing) {
      report_->remarks.push_back("there is no usage environment: use counts are not known");
    } else if (!status.ok()) {
      add("usage", "", status.text);
    }
  }

  void walk_plans() {
    bool named = false;
    const auto code = reader_.for_each_plan(
        [&](std::string_view name, const PlanView &) {
          plans_.emplace(name);
          ++report_->plans;
          return true;
        },
        [&](std::string_view name) {
          named = true;
          broken_plans_.emplace(name);
          add("plan", name, kBroken);
        });
    note_table("plan", code, named);
    std::string_view name;
    PlanView plan;
    if (const auto found = reader_.find_default_plan(&name, &plan);
        found != StoreCode::ok && found != StoreCode::not_found && broken_plans_.find(name) == broken_plans_.end()) {
      add("plan", "", "the entry of the default plan names a plan that is not the default");
    }
  }

  void walk_subjects() {
    bool named = false;
    const auto code = reader_.for_each_subject(
        {},
        [&](std::string_view, const SubjectView &subject) {
          ++report_->subjects;
          note_plan(subject.plan);
          return true;
        },
        [&](std::string_view name) {
          named = true;
          ++broken_subjects_;
          add("subject", name, kBroken);
        });
    note_table("subject", code, named);
  }

  void walk_keys() {
    bool named = false;
    const auto code = reader_.for_each_key(
        {},
        [&](const CredentialReader::FoundKey &found) {
          look_at(found);
          return true;
        },
        [&](std::string_view id) {
          named = true;
          broken_keys_.emplace(id);
          add("key", id, kBroken);
        });
    note_table("key", code, named);
  }

  void look_at(const CredentialReader::FoundKey &found) {
    ++report_->keys;
    note_plan(found.key.plan);
    if (!found.key.subject.empty()) {
      ++keys_of_[std::string(found.key.subject)];
    }
    needs_pepper_ = needs_pepper_ || found.key.verifier_kind == VerifierKind::hmac_sha256 ||
                    found.key.locator_kind == LocatorKind::hmac_sha256;
    if (found.key.locator_kind != LocatorKind::sha256) {
      ++locators_[static_cast<std::size_t>(found.key.locator_kind) - 1];
    }
    if (found.key.indexed) {
      ++report_->indexed;
      Locator locator;
      std::memcpy(locator.data(), found.key.locator.data(), locator.size());
      CredentialReader::FoundKey back;
      const auto code = reader_.find_key(locator, &back);
      const bool astray = code != StoreCode::not_found && (code != StoreCode::ok || back.id != found.id);
      if (astray) {
        told_entries_.emplace(keyward::Table::index, found.key.locator);
      }
      if (code == StoreCode::not_found) {
        add("index", found.id, "no index entry leads to this key: it is refused as unknown");
      } else if (astray) {
        add("index", found.id,
            code == StoreCode::ok ? "the index entry leads to another key, " + std::string(back.id)
                                  : std::string("the entry that should lead to this key is damaged"));
      }
    } else {
      ++report_->legacy;
      ++keys_under_[std::string(found.key.legacy_prefix)];
    }
    UsageRecord usage;
    if (usage_open_ && usage_.find(found.usage_name, &usage) == StoreCode::damaged) {
      add("usage", found.id, kBroken);
    }
  }

  // Whether as many entries as there are keys lead to these. What is odd about the others is told once: here, where
  // one is missing, else by find_strays(); and nothing of keys that are named already.
  template <typename Walk>
  void check_entries(keyward::Table table, const std::string &name, std::uint64_t keys, const Walk &walk) {
    std::uint64_t entries = 0;
    std::vector<std::string> odd;
    const auto code = walk(
        [&entries](const CredentialReader::FoundKey &) {
          ++entries;
          return true;
        },
        [this, &odd](std::string_view id) {
          if (broken_keys_.find(id) == broken_keys_.end()) {
            odd.emplace_back(id);
          }
        });
    const bool walked = code == StoreCode::ok || code == StoreCode::damaged;
    if (walked && entries == keys) {
      return;
    }
    add(name_of(table), name,
        "its entries lead to " + std::to_string(entries) + " of its " + std::to_string(keys) + " keys");
    for (const auto &id : odd) {
      told_entries_.emplace(table, name + '\0' + id);
    }
  }

  void check_subject_keys() {
    for (const auto &each : keys_of_) {
      check_entries(keyward::Table::subject_keys, each.first, each.second, [&](const auto &visit, const auto &damaged) {
        return reader_.for_each_key_of(each.first, visit, damaged);
      });
    }
  }

  void check_prefixes() {
    for (const auto &each : keys_under_) {
      const auto &prefix = each.first;
      check_entries(keyward::Table::prefixes, prefix, each.second, [&](const auto &visit, const auto &damaged) {
        return reader_.for_each_candidate(prefix, visit, damaged);
      });
      if ((reader_.legacy_prefix_lengths() >> prefix.size() & 1U) == 0) {
        add("prefixes", prefix, "keys with a prefix of this length can't be found");
      }
    }
  }

  static const char *name_of(keyward::Table table) noexcept {
    return table == keyward::Table::index ? "index" : table == keyward::Table::prefixes ? "prefixes" : "subject_keys";
  }

  // Entries without a key, which nothing above has met: they came there by no way of ours.
  void find_strays() {
    using Stray = CredentialReader::Stray;
    const auto code = reader_.for_each_stray_entry(
        [&](keyward::Table table, std::string_view entry, std::string_view id, Stray stray) {
          if (told_entries_.count({table, std::string(entry)}) == 0) {
            add(name_of(table), id,
                stray == Stray::damaged   ? "an entry's checksum is wrong"
                : stray == Stray::missing ? "an entry leads to this key, which doesn't exist"
                                          : "an entry leads to this key, but doesn't match its record");
          }
        });
    note_table("index", code, false);
  }

  void walk_denials() {
    bool named = false;
    const auto code = reader_.for_each_denial(
        [&](const DenialRecord &) {
          ++report_->denials;
          return true;
        },
        [&](std::string_view name) {
          named = true;
          ++broken_denials_;
          add("denial", name, kBroken);
        });
    note_table("denial", code, named);
  }

  void walk_journal() {
    JournalQuery query;
    JournalPage page;
    do {
      const auto code = reader_.read_journal(query, kJournalPage, &page);
      for (const auto number : page.damaged) {
        ++broken_entries_;
        add("journal", std::to_string(number), kBroken);
      }
      report_->journal += page.entries.size();
      note_table("journal", code, false);
      query.after = page.last;
      page.more = page.more && code == StoreCode::ok;
    } while (page.more);
    JournalState journal;
    if (reader_.find_journal_state(&journal) != StoreCode::ok) {
      add("journal", "", "what the store says of its length is damaged");
    } else if (journal.entries != report_->journal + broken_entries_) {
      add("journal", "",
          "it has " + std::to_string(report_->journal + broken_entries_) + " entries, and " +
              std::to_string(journal.entries) + " were written");
    }
  }

  void walk_windows() {
    if (!usage_open_) {
      return;
    }
    const auto status = usage_.for_each_window([&](const WindowRecord &) { ++report_->windows; },
                                               [&](std::string_view name) { add("window", to_hex(name), kBroken); });
    if (!status.ok()) {
      add("window", "", status.text);
    }
  }

  void walk_balances() {
    if (!usage_open_) {
      return;
    }
    const auto status =
        usage_.for_each_credits([&](const CarriedCredits &) { ++report_->balances; },
                                [&](const Digest &account) { add("balance", to_hex(view_of(account)), kBroken); });
    if (!status.ok()) {
      add("balance", "", status.text);
    }
  }

  // Keys that another digest names are found only where their number says that there are any.
  void check_locators() {
    CredentialReader::LocatorCounts counts;
    if (broken_keys_.empty() && (reader_.count_locators(&counts) != StoreCode::ok || counts != locators_)) {
      add("index", "", "how many keys are found by another digest than SHA-256 is recorded wrongly");
    }
    Sha256 digest;
    if (const auto status = needs_pepper_ ? reader_.hmac("x", &digest) : StoreStatus(); !status.ok()) {
      add("pepper", "", status.text);
    }
  }

  // A branch that leads elsewhere takes all that was under it away, and no checksum tells: what was counted is fewer
  // then.
  void check_reach() {
    CredentialReader::Stats stats;
    if (const auto status = reader_.stats(&stats); !status.ok()) {
      add("store", "", status.text);
      return;
    }
    const auto compare = [&](const char *table, std::uint64_t entries, std::uint64_t seen) {
      if (entries != seen) {
        add(table, "",
            "the table has " + std::to_string(entries) + " records, and " + std::to_string(seen) +
                " of them can be reached");
      }
    };
    compare("key", stats.keys, report_->keys + broken_keys_.size());
    compare("subject", stats.subjects, report_->subjects + broken_subjects_);
    compare("denial", stats.denials, report_->denials + broken_denials_);
    compare("journal", stats.journal, report_->journal + broken_entries_);
    compare("plan", stats.plans, report_->plans + broken_plans_.size());
  }

  void note_missing_plans() {
    if (!missing_plans_.empty()) {
      std::string text = "plans that keys or subjects name and the store doesn't have (nginx's configuration may):";
      for (const auto &plan : missing_plans_) {
        text += " " + plan;
      }
      report_->remarks.push_back(std::move(text));
    }
  }

  void note_plan(std::string_view plan) {
    if (!plan.empty() && missing_plans_.size() < kNamedPlans && plans_.find(plan) == plans_.end()) {
      missing_plans_.emplace(plan);
    }
  }

  static constexpr const char *kBroken = "its record has a wrong checksum or form";

  const Context &context_;
  CredentialReader &reader_;
  CheckReport *report_;
  UsageStore usage_;
  bool usage_open_ = false;
  std::uint64_t broken_subjects_ = 0, broken_denials_ = 0, broken_entries_ = 0;
  // What is named already: keys, and entries that lead to keys.
  std::set<std::string, std::less<>> broken_keys_, broken_plans_;
  std::set<std::pair<keyward::Table, std::string>> told_entries_;
  std::set<std::string, std::less<>> plans_, missing_plans_;
  std::map<std::string, std::uint64_t> keys_of_, keys_under_;
  CredentialReader::LocatorCounts locators_ = {};
  bool needs_pepper_ = false;
};

}  // namespace

Outcome check_store(const Context &context, CheckReport *report) {
  StoreLook look(context);
  if (auto outcome = look.outcome(); !outcome.ok()) {
    return outcome;
  }
  Check(context, look.reader(), report).run();
  return done();
}

}  // namespace keyward::cli
