// A subject's record, and what else is known of it.
#include "cli/subject_describe.hpp"

namespace keyward::cli {

std::string_view to_text(SubjectState state) noexcept { return state == SubjectState::blocked ? "blocked" : "active"; }

Cell state_cell(const SubjectRecord &subject) {
  return {std::string(to_text(subject.state)), subject.state == SubjectState::blocked ? Colour::red : Colour::green};
}

void describe(Description *to, const SubjectRecord &subject) {
  to->text("id", "id", subject.subject);
  to->text_as("state", "state", to_text(subject.state), state_cell(subject));
  to->text("plan", "plan", subject.plan);
  to->scopes(subject.scopes);
  to->time("created_at", "created", subject.created_at_s);
  to->time("changed_at", "changed", subject.changed_at_s);
}

}  // namespace keyward::cli
