// Whether any worker reads the store: what nobody reads is not refused by anybody.
#pragma once

#include <cstddef>
#include <string_view>

#include "cli/context.hpp"

namespace keyward::cli {

// Processes that have the store open, other than this command and others like it: nginx's workers, which open it when
// they start.
std::size_t workers_of_store(CredentialReader &reader);

// Warns where there are none. what: "these tokens are", "the key is".
std::size_t warn_without_workers(const Context &context, CredentialReader &reader, std::string_view what);

}  // namespace keyward::cli
