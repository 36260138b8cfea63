// Subjects in words and in JSON.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "cli/context.hpp"
#include "cli/output.hpp"
#include "json/json.hpp"
#include "store/record.hpp"

namespace keyward::cli {

std::string_view to_text(SubjectState state) noexcept;
Cell state_cell(const SubjectRecord &subject);
// The members of its JSON object.
void write_members(json::Writer &writer, const SubjectRecord &subject);

// What else is told of one subject, as far as it is known.
struct SubjectFacts {
  const std::map<std::string, std::size_t> *keys = nullptr;  // how many of each state
  const bool *created = nullptr;                             // whether it had no record before
};
void print_subject(Context &context, const SubjectRecord &subject, const SubjectFacts &facts);

}  // namespace keyward::cli
