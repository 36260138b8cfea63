// What a WriteTxn works on.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/environment/environment.hpp"
#include "store/records/journal.hpp"
#include "store/transactions/writer.hpp"

namespace keyward {

struct WriteTxn::State {
  // author_: nullptr in an environment that isn't at its place yet: what is made there are no changes.
  State(WriteScope &scope_, const Environment &environment_, const Author *author_ = nullptr)
      : scope(scope_), environment(environment_), author(author_) {}

  WriteScope &scope;
  const Environment &environment;
  const Author *author;

  // Entries of `prefixes` by length: read when one changes for the first time, written by finish().
  bool lengths_known = false, lengths_changed = false;
  std::array<std::uint64_t, kPrefixLengths> lengths = {};

  // The same of keys that are found by another digest than SHA-256.
  bool locators_known = false, locators_changed = false;
  std::array<std::uint64_t, kOtherLocators> locators = {};

  // The same of `denials`.
  bool denials_known = false, denials_changed = false;
  std::uint64_t denials = 0;

  // The journal: where it stands, read with the first entry, and what this transaction has added.
  bool journal_known = false;
  JournalState journal;
  std::uint32_t noted = 0;
  std::int64_t noted_at_s = 0;  // when its entries say that they were made

  bool has_journal() const noexcept { return author != nullptr && scope.has(Table::journal); }
  // Adds an entry, whose number, time and author it fills in. Of a store without a journal: nothing.
  StoreStatus note(JournalEntry entry);
  StoreStatus note(Operation operation, std::string_view name, std::vector<FieldChange> changes,
                   std::string_view owner = {});
  StoreStatus note_import(const NewKeys &keys, const std::vector<std::uint32_t> &order);
  StoreStatus know_journal();

  // Removes a key's record and its index entries.
  StoreStatus remove(std::string_view id, KeyRecord *old);
  // Of the plan that was the default until now.
  StoreStatus take_default(const PlanRecord &plan);
  StoreStatus denial(DenialKind kind, std::string_view name, DenialRecord *record);
  StoreStatus know_denials();
  StoreStatus count_denials();  // what is there, whatever was known of it
  StoreStatus put_denial(const DenialRecord &record, bool fresh);
  // Removes entries that have ended from a few records behind this key.
  StoreStatus sweep_denials(std::string_view after, std::int64_t now_s);
  StoreStatus count_prefix(std::string_view prefix, bool added);
  StoreStatus count_locator(LocatorKind kind, bool added);
  // The changes to the records about the whole store, before the commit.
  StoreStatus finish();

  // A key's record that programs can't read which may have a store of this format open: `other_version`.
  StoreStatus refuse_newer(std::string_view content) const;
  // The index entries that a key's record asks for, in (or out). `exists` names the key that has its locator.
  StoreStatus add_entries(const KeyRecord &record);
  StoreStatus remove_entries(const KeyRecord &record);
  StoreStatus key(std::string_view id, KeyRecord *record);
};

// Says what an `exists` or `damaged` that has no text yet is about.
StoreStatus about(StoreStatus status, std::string_view what);
// PREFIX \0 ID: the keys of `prefixes` and `subject_keys`.
std::string entry_of(std::string_view prefix, std::string_view id);
// Refuses what decode() would refuse.
StoreStatus encode_checked(const KeyRecord &record, std::string *content);
// Whether a record asks for an entry in `prefixes`.
inline bool is_candidate(const KeyRecord &record) noexcept { return !record.indexed; }

}  // namespace keyward
