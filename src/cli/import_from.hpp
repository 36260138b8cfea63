// Exports of other systems, made into the lines that an import takes. What a line's members mean is the import's
// business: here they only change their names and forms.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/outcome.hpp"

namespace keyward::cli {

enum class ExportForm : std::uint8_t { lines, kong, apisix, unkey, csv };

// The form of a system's name; false: there is none of this name.
bool parse_export_form(std::string_view name, ExportForm *form) noexcept;
// What a key of such a file is called where a bad one is named: the file's "line", or a "record", counted.
const char *unit_of(ExportForm form) noexcept;

struct Export {
  std::string_view text;
  std::int64_t made_at_s = 0;  // at the latest: what a rest of time in it counts from
};

// Takes what is made of an export, key by key.
class ImportLines {
 public:
  virtual ~ImportLines() = default;
  // name: what the key is called in the export; empty: nothing that may be shown.
  virtual void add(std::uint32_t number, std::string_view name, std::string_view line) = 0;
  virtual void refuse(std::uint32_t number, std::string_view name, std::string problem) = 0;
};

// An Outcome that isn't ok: the text is no export of that system, or not all of one. notes: what isn't taken over.
Outcome convert_export(ExportForm form, const Export &from, ImportLines *to, std::vector<std::string> *notes);

}  // namespace keyward::cli
