// Options' values.
#include "cli/arguments.hpp"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "auth/issuer_rules.hpp"
#include "auth/scope.hpp"
#include "base/networks.hpp"
#include "base/quote.hpp"
#include "base/time_text.hpp"
#include "keys/meta.hpp"

namespace keyward::cli {
namespace {

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  constexpr std::string_view kSeparators = ", \t";
  while (true) {
    const auto begin = text.find_first_not_of(kSeparators);
    if (begin == std::string_view::npos) {
      return words;
    }
    text.remove_prefix(begin);
    const auto word = text.substr(0, text.find_first_of(kSeparators));
    words.push_back(word);
    text.remove_prefix(word.size());
  }
}

template <typename T>
Outcome parse_list(const char *option, const TextList &list,
                   bool (*add)(std::string_view, OptionalList<T> *, std::string *), OptionalList<T> *result) {
  *result = {};
  result->present = list.given;
  for (const auto &value : list.values) {
    for (const auto word : words_of(value)) {
      std::string error;
      if (!add(word, result, &error)) {
        return wrong_usage(std::string(option) + ": " + error);
      }
    }
  }
  return done();
}

}  // namespace

bool add_grant(std::string_view text, OptionalList<std::string> *grants, std::string *error) {
  if (!is_grant(text)) {
    *error = quote(text) + " is not a scope; write one such as posts:read, posts:* or *";
    return false;
  }
  auto &items = grants->items;
  if (std::find(items.begin(), items.end(), text) == items.end()) {
    items.emplace_back(text);
  }
  std::size_t bytes = 0;
  for (const auto &item : items) {
    bytes += item.size() + 1;
  }
  if (bytes > kMaxScopeListBytes + 1) {
    *error = "more than " + std::to_string(kMaxScopeListBytes) + " bytes of scopes; use wildcards such as posts:*";
    return false;
  }
  return true;
}

bool add_limit(std::string_view text, OptionalList<Rate> *limits, std::string *error) {
  Rate rate;
  if (!parse_rate(text, &rate, error)) {
    return false;
  }
  auto &items = limits->items;
  if (std::find(items.begin(), items.end(), rate) == items.end()) {
    items.push_back(rate);
  }
  if (items.size() > kMaxLimits) {
    *error = "more than " + std::to_string(kMaxLimits) + " limits";
    return false;
  }
  return true;
}

Outcome parse_grants(const TextList &list, OptionalList<std::string> *grants) {
  return parse_list("--scope", list, add_grant, grants);
}

Outcome parse_limits(const TextList &list, OptionalList<Rate> *limits) {
  return parse_list("--limit", list, add_limit, limits);
}

Outcome parse_networks(const TextList &list, std::string *packed) {
  std::vector<Network> networks;
  for (const auto &value : list.values) {
    for (const auto word : words_of(value)) {
      std::string error;
      if (!parse_network(word, &networks.emplace_back(), &error)) {
        return wrong_usage("--allow-from: " + error);
      }
    }
  }
  if (networks.empty()) {
    return wrong_usage("--allow-from names no network; without a list a key may be used from everywhere");
  }
  return pack_networks(std::move(networks), packed)
             ? done()
             : wrong_usage("--allow-from: more than " + std::to_string(kMaxNetworks) + " networks");
}

Outcome parse_meta(const Text &text, std::string *meta) {
  std::string error;
  return keys::parse_meta(text.value, meta, &error) ? done() : wrong_usage("--meta: " + error);
}

Outcome parse_number(const char *option, std::string_view text, std::uint64_t low, std::uint64_t high,
                     std::uint64_t *number) {
  const auto *end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, *number);
  if (problem != std::errc() || stop != end || *number < low || *number > high) {
    return wrong_usage(std::string(option) + ": " + quote(text) + " is not a whole number from " + std::to_string(low) +
                       " to " + std::to_string(high));
  }
  return done();
}

Outcome parse_concurrency(const Text &text, std::uint32_t *most) {
  std::uint64_t number = 0;
  auto outcome = parse_number("--concurrency", text.value, 1, kMaxConcurrency, &number);
  *most = static_cast<std::uint32_t>(outcome.ok() ? number : 0);
  return outcome;
}

Outcome read_ago(const char *option, const std::string &text, std::int64_t now_s, std::int64_t *time_s) {
  std::int64_t ago_s = 0;
  const bool bare = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  if (!bare && parse_duration(text, &ago_s)) {
    *time_s = now_s - ago_s;
    return done();
  }
  return parse_time(text, time_s)
             ? done()
             : wrong_usage(std::string(option) + ": " + quote(text) + " is not a time; write 90d (ago), or 2026-01-31");
}

Outcome parse_bytes(const char *option, std::string_view text, std::size_t *bytes) {
  constexpr std::string_view kUnits = "kmgt";
  auto digits = text;
  unsigned shift = 0;
  if (!digits.empty()) {
    const auto unit = kUnits.find(static_cast<char>(digits.back() | 0x20));
    if (unit != std::string_view::npos) {
      shift = 10 * (static_cast<unsigned>(unit) + 1);
      digits.remove_suffix(1);
    }
  }
  std::uint64_t number = 0;
  constexpr std::uint64_t kLeast = std::uint64_t{1} << 20;
  constexpr std::uint64_t kMost = std::uint64_t{1} << 46;
  if (!parse_number(option, digits, 1, kMost >> shift, &number).ok() || (number << shift) < kLeast) {
    return wrong_usage(std::string(option) + ": " + quote(text) +
                       " is not a size from 1m to 64t; write one such as 4g");
  }
  *bytes = number << shift;
  return done();
}

Outcome check_subject(std::string_view subject) {
  return is_subject(subject)
             ? done()
             : wrong_usage(quote(subject) + " can't be a subject: 1 to " + std::to_string(kMaxSubjectBytes) +
                           " bytes of text without control characters or blanks at its ends");
}

Outcome check_plan_name(std::string_view plan) {
  return is_plan_name(plan)
             ? done()
             : wrong_usage(quote(plan) + " can't be a plan's name: 1 to " + std::to_string(kMaxPlanBytes) +
                           " printable ASCII characters without blanks, commas, quotes and backslashes");
}

Outcome contradiction(const char *option, const char *other) {
  return wrong_usage(std::string(option) + " and " + other + " contradict each other; give one of them");
}

Outcome check_issuer_name(const char *option, std::string_view name) {
  if (!is_issuer_name(name)) {
    return wrong_usage(std::string(option) + ": " + quote(name) +
                       " can't be the name of a keyward_issuer: up to 64 letters, digits, \"-\", \"_\" and \".\"");
  }
  return is_accept_word(name) ? wrong_usage(std::string(option) + ": " + quote(name) +
                                            " is a word of keyward_accept and can't be the name of a keyward_issuer")
                              : done();
}

}  // namespace keyward::cli
