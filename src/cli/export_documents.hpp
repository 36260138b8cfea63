// What exports in JSON have in common: several documents in one file, and members that go into a line under another
// name.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "cli/outcome.hpp"
#include "json/json.hpp"

namespace keyward::cli {

// JSON documents one behind the other, as a loop that fetches pages leaves them. They hold keys: wiped when they go.
class Documents {
 public:
  Documents() = default;
  ~Documents();
  Documents(const Documents &) = delete;
  Documents &operator=(const Documents &) = delete;

  // An Outcome that isn't ok says which document is wrong.
  Outcome parse(std::string_view text);
  const std::vector<json::Value> &all() const noexcept { return all_; }

 private:
  std::vector<json::Value> all_;
};

// The way of a form whose documents are converted one after the other: document(value, index), then end(notes).
template <typename Conversion>
Outcome convert_documents(std::string_view text, Conversion conversion, std::vector<std::string> *notes) {
  Documents documents;  // what the conversion keeps are views into them
  if (auto outcome = documents.parse(text); !outcome.ok()) {
    return outcome;
  }
  for (std::size_t i = 0; i < documents.all().size(); ++i) {
    if (auto outcome = conversion.document(documents.all()[i], i); !outcome.ok()) {
      return outcome;
    }
  }
  return conversion.end(notes);
}

// "document 2": what is wrong is said of it.
std::string document(std::size_t index);

// The member at the end of this way; nullptr: it isn't there, or null.
const json::Value *member_at(const json::Value &value, std::initializer_list<std::string_view> path) noexcept;
// Its text; empty: it isn't there, or no text.
std::string_view text_at(const json::Value &value, std::initializer_list<std::string_view> path) noexcept;
bool is_true(const json::Value *value) noexcept;  // also 1, as MySQL writes it

// Adds a member to a line as the export has it, of whatever type: the import judges it. nullptr adds nothing.
void put_member(json::Writer *line, std::string_view name, const json::Value *value);
// The same of a time in milliseconds; 0 adds nothing.
void put_milliseconds(json::Writer *line, std::string_view name, const json::Value *value);

}  // namespace keyward::cli
