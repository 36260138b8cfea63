// The pepper of an import: a file's, or the one that the store has.
#pragma once

#include "base/secret.hpp"
#include "cli/context.hpp"
#include "cli/input_file.hpp"
#include "store/transactions/writer.hpp"

namespace keyward::cli {

class ImportPepper {
 public:
  // By the option, or the store's. Neither: it is empty, and lines that need one are bad.
  Outcome read(const InputFile &file, CredentialReader &reader, const std::string &store);
  std::string_view view() const noexcept { return pepper_.view(); }

  // In the import's transaction: nobody else writes then, and the file is there before the keys that need it.
  StoreStatus write(WriteTxn &txn, const std::string &store) const;

 private:
  Secret pepper_;
};

}  // namespace keyward::cli
