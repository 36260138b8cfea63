// One line of an import: a JSON object that becomes a key's record.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "keys/import_batch.hpp"

namespace keyward::cli {

inline constexpr std::size_t kMaxImportLineBytes = std::size_t{1} << 16;
inline constexpr std::size_t kMinImportPrefixBytes = 4;
inline constexpr std::size_t kMaxImportPrefixBytes = 32;

// false with a sentence in error that names the member, and never shows a key or a hash.
bool parse_import_line(std::string_view line, const keys::ImportRules &rules, keys::ImportedKey *key,
                       std::string *error);

}  // namespace keyward::cli
