// Looking for names in the store.
#include "cli/known_names.hpp"

#include "base/quote.hpp"
#include "cli/nearest.hpp"

namespace keyward::cli {
namespace {

constexpr std::size_t kMostNames = 10000;

}  // namespace

std::string nearest_subject(CredentialReader &reader, std::string_view subject) {
  Nearest nearest(subject);
  const Snapshot snapshot(reader);
  if (!snapshot.status().ok()) {
    return {};
  }
  std::size_t left = kMostNames;
  reader.for_each_subject({},
                          [&](std::string_view name, const SubjectView &) {
                            nearest.look_at(name);
                            return --left > 0;
                          },
                          {});
  left = kMostNames;
  reader.for_each_key({},
                      [&](const CredentialReader::FoundKey &found) {
                        nearest.look_at(found.key.subject);
                        return --left > 0;
                      },
                      {});
  return nearest.found();
}

std::string nearest_plan(CredentialReader &reader, std::string_view plan) {
  Nearest nearest(plan);
  const Snapshot snapshot(reader);
  if (snapshot.status().ok()) {
    std::size_t left = kMostNames;
    reader.for_each_plan(
        [&](std::string_view name, const PlanView &) {
          nearest.look_at(name);
          return --left > 0;
        },
        {});
  }
  return nearest.found();
}

std::string did_you_mean(std::string_view name) {
  return name.empty() ? std::string() : "; did you mean " + quote(name) + "?";
}

void note_new_subject(const Context &context, CredentialReader &reader, std::string_view subject) {
  if (context.json) {
    return;
  }
  const auto like = nearest_subject(reader, subject);
  context.note("Subject " + std::string(subject) + " is new: no record and no key had it" +
               (like.empty() ? "." : did_you_mean(like)));
}

}  // namespace keyward::cli
