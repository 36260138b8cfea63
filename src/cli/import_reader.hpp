// Reads an import's lines and parses them, block by block, on all processors.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/import_batch.hpp"
#include "cli/line_source.hpp"

namespace keyward::cli {

class ImportReader {
 public:
  ImportReader(const ImportRules &rules, ImportBatch *batch) : rules_(rules), batch_(batch) {}
  ~ImportReader();
  ImportReader(const ImportReader &) = delete;
  ImportReader &operator=(const ImportReader &) = delete;

  // Bad lines go to the batch; an Outcome that isn't ok: the file can't be read.
  Outcome read(const InputFile &file, bool with_progress);

 private:
  struct Line {
    std::uint32_t number = 0;
    std::size_t begin = 0, size = 0;  // in text_
    bool good = false;
    ImportedKey key;
    std::string error;
  };

  void parse_slice(std::size_t begin, std::size_t end);
  void finish_block();

  const ImportRules &rules_;
  ImportBatch *batch_;
  std::string text_;
  std::vector<Line> lines_;
};

}  // namespace keyward::cli
