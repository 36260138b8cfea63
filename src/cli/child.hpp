// Work in a child process: LMDB trusts its file, and a damaged one may crash whoever reads it.
#pragma once

#include <functional>

#include "cli/context.hpp"
#include "cli/outcome.hpp"

namespace keyward::cli {

struct ChildEnd {
  Outcome outcome;
  int signal = 0;  // that ended it; then there is no outcome
};

// Runs body, which may write to context.out, and nothing of LMDB is open in this process.
ChildEnd in_child(Context &context, const std::function<Outcome()> &body);

// Has the kernel end this child with its parent again, after its ids have changed.
void die_with_parent() noexcept;

// "signal 11 (Segmentation fault)".
std::string signal_text(int number);

}  // namespace keyward::cli
