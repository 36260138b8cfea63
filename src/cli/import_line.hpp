// One line of an import: a JSON object that becomes a key's record.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/secret.hpp"
#include "key/key_format.hpp"
#include "store/record.hpp"

namespace keyward::cli {

inline constexpr std::size_t kMaxImportLineBytes = std::size_t{1} << 16;
inline constexpr std::size_t kMinImportPrefixBytes = 4;
inline constexpr std::size_t kMaxImportPrefixBytes = 32;

struct ImportRules {
  bool weak = false;               // plain keys of less than 128 bits are fine
  std::vector<KeyFormat> formats;  // that plain keys may have
  VerifierChoice verifier;         // how plain keys are stored
  std::int64_t now_s = 0;
};

struct ImportedKey {
  KeyRecord record;  // without an id where the line has none; without its verifier where a plain key waits for bcrypt
  Secret key;        // a plain key that waits for bcrypt
  std::int64_t last_used_s = 0;
  std::uint64_t uses = 0;
  std::string content;  // the record as it will be stored, once that is known
};

// false with a sentence in error that names the member, and never shows a key or a hash.
bool parse_import_line(std::string_view line, const ImportRules &rules, ImportedKey *key, std::string *error);

}  // namespace keyward::cli
