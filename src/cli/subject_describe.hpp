// Subjects in words and in JSON.
#pragma once

#include <string_view>

#include "cli/describe.hpp"
#include "store/records/record.hpp"

namespace keyward::cli {

std::string_view to_text(SubjectState state) noexcept;
Cell state_cell(const SubjectRecord &subject);
void describe(Description *to, const SubjectRecord &subject);

}  // namespace keyward::cli
