// The values of options, read and checked: each error says what to write instead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/rate.hpp"
#include "cli/command_line.hpp"
#include "cli/outcome.hpp"
#include "store/records/record.hpp"

namespace keyward::cli {

// --scope: separated by commas and blanks, repeatable; `--scope ''` is a list with nothing in it.
Outcome parse_grants(const TextList &list, OptionalList<std::string> *grants);
// --limit: the same.
Outcome parse_limits(const TextList &list, OptionalList<Rate> *limits);

// --allow-from: the same; packed. Not an empty list, which would let nobody in.
Outcome parse_networks(const TextList &list, std::string *packed);
// --concurrency: requests at once.
Outcome parse_concurrency(const Text &text, std::uint32_t *most);
// --meta.
Outcome parse_meta(const Text &text, std::string *meta);

// A whole number from low to high.
Outcome parse_number(const char *option, std::string_view text, std::uint64_t low, std::uint64_t high,
                     std::uint64_t *number);
// "90d" (ago), or a date.
Outcome read_ago(const char *option, const std::string &text, std::int64_t now_s, std::int64_t *time_s);
// "4g", "512m": bytes.
Outcome parse_bytes(const char *option, std::string_view text, std::size_t *bytes);

Outcome check_subject(std::string_view subject);
Outcome check_plan_name(std::string_view plan);
// The name of a keyward_issuer, as nginx takes it.
Outcome check_issuer_name(const char *option, std::string_view name);

// Wrong usage: two options of which one takes back what the other one says.
Outcome contradiction(const char *option, const char *other);

// Adds grants (or limits) that aren't there yet; the error says what is wrong with one. Shared with the import.
bool add_grant(std::string_view text, OptionalList<std::string> *grants, std::string *error);
bool add_limit(std::string_view text, OptionalList<Rate> *limits, std::string *error);

}  // namespace keyward::cli
