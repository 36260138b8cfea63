// What a WriteTxn works on.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "store/environment.hpp"
#include "store/writer.hpp"

namespace keyward {

struct WriteTxn::State {
  State(WriteScope &scope_, const Environment &environment_) : scope(scope_), environment(environment_) {}

  WriteScope &scope;
  const Environment &environment;

  // Entries of `prefixes` by length: read when one changes for the first time, written by finish().
  bool lengths_known = false, lengths_changed = false;
  std::array<std::uint64_t, kPrefixLengths> lengths = {};

  // The same of `denials`.
  bool denials_known = false, denials_changed = false;
  std::uint64_t denials = 0;

  StoreStatus denial(DenialKind kind, std::string_view name, DenialRecord *record);
  StoreStatus know_denials();
  StoreStatus count_denials();  // what is there, whatever was known of it
  StoreStatus put_denial(const DenialRecord &record, bool fresh);
  // Removes entries that have ended from a few records behind this key.
  StoreStatus sweep_denials(std::string_view after, std::int64_t now_s);
  StoreStatus count_prefix(std::string_view prefix, bool added);
  // The changes to the records about the whole store, before the commit.
  StoreStatus finish();

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
inline bool is_candidate(const KeyRecord &record) noexcept {
  return record.verifier_kind == VerifierKind::legacy_prefix && !record.indexed;
}

}  // namespace keyward
