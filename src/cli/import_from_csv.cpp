// A table as CSV: the first line names the import's members, in any order.
#include <algorithm>
#include <set>

#include "base/ascii.hpp"
#include "cli/csv_reader.hpp"
#include "cli/import_forms.hpp"
#include "cli/output.hpp"
#include "json/json.hpp"

namespace keyward::cli {
namespace {

enum class Kind : std::uint8_t { text, list, number_or_text };

// What its columns hold that isn't text in JSON.
Kind kind_of_column(std::string_view name) noexcept {
  constexpr std::string_view kLists[] = {"scopes", "limits", "allow_from"};
  constexpr std::string_view kNumbers[] = {"created_at", "expires_at",    "last_used_at", "uses",
                                           "changed_at", "overlap_until", "pkce_tries",   "concurrency"};
  return std::find(std::begin(kLists), std::end(kLists), name) != std::end(kLists)         ? Kind::list
         : std::find(std::begin(kNumbers), std::end(kNumbers), name) != std::end(kNumbers) ? Kind::number_or_text
                                                                                           : Kind::text;
}

bool is_number(std::string_view text) noexcept {
  return text.size() < 19 && std::all_of(text.begin(), text.end(), is_digit) && (text == "0" || text.front() != '0');
}

void put_list(json::Writer *line, std::string_view text) {
  line->begin_array();
  for (auto begin = text.find_first_not_of(' '); begin != std::string_view::npos; begin = text.find_first_not_of(' ')) {
    text.remove_prefix(begin);
    const auto end = std::min(text.find(' '), text.size());
    line->string(text.substr(0, end));
    text.remove_prefix(end);
  }
  line->end_array();
}

// An empty value is absent; of scopes it is none: a table can hardly tell these two, and to grant nothing is the safe
// one.
void put_field(json::Writer *line, std::string_view name, std::string_view text) {
  if (text.empty() && name != "scopes") {
    return;
  }
  line->key(name);
  switch (kind_of_column(name)) {
    case Kind::list:
      put_list(line, text);
      return;
    case Kind::number_or_text:
      is_number(text) ? line->as_written(text) : line->string(text);
      return;
    case Kind::text:
      line->string(text);
      return;
  }
}

// A first line that has neither is no header: its first key would be lost.
bool names_a_key(const std::set<std::string_view> &names) noexcept {
  constexpr std::string_view kOne[] = {"id", "key", "sha256", "bcrypt", "hash", "sha512", "hmac_sha256"};
  return std::any_of(std::begin(kOne), std::end(kOne), [&](std::string_view name) { return names.count(name) > 0; });
}

Outcome check_columns(const CsvReader &reader, bool has_header) {
  if (!has_header) {
    return no("the file is empty");
  }
  if (!reader.problem().empty()) {
    return no("line 1: " + reader.problem());
  }
  std::set<std::string_view> names;
  bool good = true;
  for (const std::string &name : reader.fields()) {
    good = good && !name.empty() && names.insert(name).second && std::all_of(name.begin(), name.end(), [](char c) {
             return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
           });
  }
  if (!good || !names_a_key(names)) {
    return no(
        "line 1 has to name the columns as an import names its members, each once, separated by commas: "
        "\"id,subject,sha256\", for example");
  }
  return done();
}

}  // namespace

Outcome convert_csv(const Export &from, ImportLines *to, std::vector<std::string> * /*notes*/) {
  CsvReader reader(from.text);
  const bool has_header = reader.next();
  if (auto outcome = check_columns(reader, has_header); !outcome.ok()) {
    return outcome;
  }
  const std::vector<std::string> columns = reader.fields();
  while (reader.next()) {
    if (reader.problem().empty() && reader.fields().size() == columns.size()) {
      json::Writer line;
      line.begin_object();
      for (std::size_t i = 0; i < columns.size(); ++i) {
        put_field(&line, columns[i], reader.fields()[i]);
      }
      line.end_object();
      to->add(reader.line(), {}, line.text());
    } else {
      to->refuse(reader.line(), {},
                 !reader.problem().empty() ? reader.problem()
                                           : "it has " + counted(reader.fields().size(), "value") +
                                                 ", and line 1 has " + counted(columns.size(), "name"));
    }
  }
  return done();
}

}  // namespace keyward::cli
