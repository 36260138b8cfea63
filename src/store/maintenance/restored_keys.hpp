// What of the present store outlives a restore: every end that a key or a subject has met since the backup.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/environment/snapshot.hpp"
#include "store/maintenance/maintenance.hpp"
#include "store/records/denial.hpp"
#include "store/records/record.hpp"

namespace keyward {

class WriteTxn;
struct TableCursor;

class RestoredKeys {
 public:
  // A snapshot of each; `to` holds the backup's content already. nullptr: only the report is wanted.
  RestoredKeys(Environment &backup, EnvironmentSnapshot &backup_snapshot, Environment &present,
               EnvironmentSnapshot &present_snapshot, Environment *to, RestoreReport *report);

  StoreStatus run();

 private:
  // One of the two stores.
  struct Source {
    Environment &environment;
    EnvironmentSnapshot &snapshot;
    const char *name;
  };

  StoreStatus keys();
  StoreStatus subjects();
  StoreStatus purged_entries();
  StoreStatus denials();
  StoreStatus merge_denials(const std::vector<DenialRecord> &records, bool last);
  void only_present(std::string_view id, const KeyView &view);
  void in_both(std::string_view id, const KeyView &present, const KeyView &backup);
  void only_backup(std::string_view id);

  void note_seen(Table table, std::uint64_t seen);
  StoreStatus end_where_it_fails(TableCursor *side, const Source &source);
  bool read_key(const Source &source, std::string_view id, std::string_view stored, KeyView *view);
  bool find(const Source &source, Table table, std::string_view key, std::string_view *content) const;
  bool succeeds_one_of_the_backup(std::string_view predecessor) const;

  StoreStatus flush_if_full();
  StoreStatus flush();
  StoreStatus put(WriteTxn &txn, const KeyRecord &record, std::vector<std::string> *left_out) const;

  Source backup_, present_;
  Environment *to_;
  RestoreReport *report_;
  bool any_purged_;
  std::vector<KeyRecord> puts_;
  std::vector<std::string> purged_;
};

}  // namespace keyward
