// The journal's entries as JSON, for `keyward audit` and the keys API.
#pragma once

#include "json/json.hpp"
#include "store/records/journal.hpp"

namespace keyward::keys {

// names_author: else it was the operator, whoever that is, and from nowhere that is told.
void write_entry(json::Writer *out, const JournalEntry &entry, bool names_author);

}  // namespace keyward::keys
