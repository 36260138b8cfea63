// Reads an import's lines and parses them, block by block, on all processors.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/bad_lines.hpp"
#include "cli/import_from.hpp"
#include "cli/import_line.hpp"
#include "cli/line_source.hpp"
#include "keys/import_update.hpp"

namespace keyward::cli {

std::string update_text(const keys::UpdateProblem &problem);

class ImportReader : private ImportLines {
 public:
  ImportReader(const keys::ImportRules &rules, keys::ImportBatch *batch, BadLines *bad)
      : rules_(rules), batch_(batch), bad_(bad) {}
  ~ImportReader() override;
  ImportReader(const ImportReader &) = delete;
  ImportReader &operator=(const ImportReader &) = delete;

  // Lines whose id the store has change that key: they go to `updates`.
  void update(CredentialReader *store, keys::UpdateBatch *updates) {
    store_ = store;
    updates_ = updates;
  }
  // An Outcome that isn't ok: the file can't be read, or the store.
  Outcome read(const InputFile &file, bool with_progress);
  // The same of another system's export; notes: what isn't taken over.
  Outcome read_export(const InputFile &file, ExportForm form, std::vector<std::string> *notes);

 private:
  struct Line {
    std::uint32_t number = 0;
    std::size_t begin = 0, size = 0;  // in text_
    std::string name;                 // in an export, for errors; mostly empty
    bool good = false;
    keys::ImportedKey key;
    std::string error;
  };

  void add(std::uint32_t number, std::string_view name, std::string_view line) override;
  void refuse(std::uint32_t number, std::string_view name, std::string problem) override;
  void parse_slice(std::size_t begin, std::size_t end);
  void finish_block();
  void add(Line &line);

  const keys::ImportRules &rules_;
  keys::ImportBatch *batch_;
  BadLines *bad_;
  CredentialReader *store_ = nullptr;
  keys::UpdateBatch *updates_ = nullptr;
  StoreStatus status_;  // of the store
  std::string text_;
  std::vector<Line> lines_;
};

}  // namespace keyward::cli
