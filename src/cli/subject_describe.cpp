// A subject's record, and what else is known of it.
#include "cli/subject_describe.hpp"

#include <cstdint>

#include "cli/describe.hpp"

namespace keyward::cli {

std::string_view to_text(SubjectState state) noexcept { return state == SubjectState::blocked ? "blocked" : "active"; }

void write_members(json::Writer &writer, const SubjectRecord &subject) {
  writer.member("id", subject.subject).member("state", to_text(subject.state));
  put_text(writer, "plan", subject.plan);
  put_scopes(writer, subject.scopes);
  writer.key("credits");
  if (subject.has_credits) {
    writer.number(static_cast<std::int64_t>(subject.credits));
  } else {
    writer.null();
  }
  put_time(writer, "created_at", subject.created_at_s);
  put_time(writer, "changed_at", subject.changed_at_s);
}

Cell state_cell(const SubjectRecord &subject) {
  return {std::string(to_text(subject.state)), subject.state == SubjectState::blocked ? Colour::red : Colour::green};
}

void print_subject(Context &context, const SubjectRecord &subject, const SubjectFacts &facts) {
  if (context.json) {
    auto writer = context.json_writer();
    writer.begin_object();
    write_members(writer, subject);
    if (facts.created != nullptr) {
      writer.key("created").boolean(*facts.created);
    }
    if (facts.keys != nullptr) {
      writer.key("keys").begin_object();
      for (const auto &[state, count] : *facts.keys) {
        writer.key(state).number(static_cast<std::int64_t>(count));
      }
      writer.end_object();
    }
    writer.end_object();
    context.print(writer);
    return;
  }
  Fields fields;
  fields.add("id", subject.subject);
  fields.add("state", state_cell(subject));
  fields.add("plan", text_of(subject.plan));
  fields.add("scopes", scopes_text(subject.scopes));
  fields.add("credits", subject.has_credits ? std::to_string(subject.credits) : "-");
  fields.add("created", time_text(subject.created_at_s));
  fields.add("changed", time_text(subject.changed_at_s));
  if (facts.keys != nullptr) {
    std::string text;
    for (const auto &[state, count] : *facts.keys) {
      text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + state;
    }
    fields.add("keys", text_of(text));
  }
  fields.print(context.out);
}

}  // namespace keyward::cli
