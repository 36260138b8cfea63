// Names that the store has: what a command says of one that is new, or that nothing has.
#pragma once

#include <string>
#include <string_view>

#include "cli/context.hpp"

namespace keyward::cli {

// The subject (of a record or of a key) that this one may be a misspelling of; empty: none. In a snapshot of its own,
// and among the first ten thousand of each only: it is a hint.
std::string nearest_subject(CredentialReader &reader, std::string_view subject);
std::string nearest_plan(CredentialReader &reader, std::string_view plan);

// "; did you mean \"alice\"?", or nothing.
std::string did_you_mean(std::string_view name);

// Tells people that `subject` is one that nothing in the store had, and which one is like it.
void note_new_subject(const Context &context, CredentialReader &reader, std::string_view subject);

}  // namespace keyward::cli
