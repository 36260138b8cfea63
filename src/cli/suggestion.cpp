// Other tools' words for what the commands do, and words that are nearly right.
#include "cli/suggestion.hpp"

#include <algorithm>
#include <iterator>

#include "cli/nearest.hpp"

namespace keyward::cli {
namespace {

// The first of the names that a group has is meant.
struct Synonym {
  std::string_view word;
  std::vector<std::string_view> names;
};

const std::vector<Synonym> &synonyms() {
  static const std::vector<std::string_view> kEnd = {"revoke", "remove"}, kMake = {"create", "set"}, kList = {"list"},
                                             kShow = {"show", "inspect", "stats"}, kStop = {"suspend", "block"},
                                             kGoOn = {"resume", "unblock"}, kChange = {"set"},
                                             kLook = {"check", "inspect"};
  static const std::vector<Synonym> kSynonyms = {
      {"delete", kEnd},      {"del", kEnd},          {"remove", kEnd},         {"rm", kEnd},
      {"destroy", kEnd},     {"drop", kEnd},         {"revoke", kEnd},         {"add", kMake},
      {"new", kMake},        {"make", kMake},        {"create", kMake},        {"mint", kMake},
      {"generate", kMake},   {"ls", kList},          {"all", kList},           {"show", kShow},
      {"get", kShow},        {"info", kShow},        {"view", kShow},          {"describe", kShow},
      {"disable", kStop},    {"suspend", kStop},     {"block", kStop},         {"ban", kStop},
      {"deactivate", kStop}, {"enable", kGoOn},      {"resume", kGoOn},        {"unblock", kGoOn},
      {"activate", kGoOn},   {"unsuspend", kGoOn},   {"edit", kChange},        {"update", kChange},
      {"change", kChange},   {"modify", kChange},    {"verify", kLook},        {"test", kLook},
      {"validate", kLook},   {"renew", {"rotate"}},  {"replace", {"rotate"}},  {"setup", {"init"}},
      {"user", {"subject"}}, {"users", {"subject"}}, {"account", {"subject"}}, {"customer", {"subject"}},
      {"apikey", {"key"}},   {"tier", {"plan"}},     {"jwt", {"token"}},       {"database", {"store"}},
      {"db", {"store"}},
  };
  return kSynonyms;
}

const CommandPage *find(const CommandPage &group, std::string_view name) {
  const auto found = std::find_if(group.commands.begin(), group.commands.end(),
                                  [&](const CommandPage &command) { return command.name() == name; });
  return found == group.commands.end() ? nullptr : &*found;
}

const CommandPage *find_synonym(const CommandPage &group, std::string_view word) {
  for (const Synonym &synonym : synonyms()) {
    if (synonym.word == word) {
      for (const auto name : synonym.names) {
        if (const auto *command = find(group, name)) {
          return command;
        }
      }
    }
  }
  return nullptr;
}

const CommandPage *find_like(const CommandPage &group, std::string_view word) {
  if (const auto *command = find(group, word)) {
    return command;
  }
  if (const auto *command = find_synonym(group, word)) {
    return command;
  }
  std::vector<std::string> names;
  for (const CommandPage &command : group.commands) {
    names.push_back(command.name());
  }
  const auto name = nearest(word, names);
  return name.empty() ? nullptr : find(group, name);
}

}  // namespace

std::string suggested_command(const CommandPage &at, const std::vector<std::string> &words) {
  if (words.empty()) {
    return {};
  }
  const auto *command = find_like(at, words.front());
  if (command == nullptr) {
    // `keyward create`: of what? Most often a key.
    const auto *keys = find(at, "key");
    const auto *of_keys = keys == nullptr              ? nullptr
                          : find(*keys, words.front()) ? find(*keys, words.front())
                                                       : find_synonym(*keys, words.front());
    return of_keys == nullptr ? std::string() : of_keys->path;
  }
  const auto *next = words.size() > 1 && !command->commands.empty() ? find_like(*command, words[1]) : nullptr;
  return next != nullptr ? next->path : command->path;
}

std::string suggested_option(const CommandPage &root, const CommandPage &command, std::string_view option) {
  std::vector<std::string> names;
  for (const auto *page : {&command, &root}) {
    for (const OptionPage &known : page->options) {
      std::copy_if(known.names.begin(), known.names.end(), std::back_inserter(names),
                   [](const std::string &name) { return name.compare(0, 2, "--") == 0; });
    }
  }
  return nearest(option, names);
}

const CommandPage &page_at(const CommandPage &root, std::string_view path) {
  const CommandPage *page = &root;
  while (!path.empty()) {
    const auto name = path.substr(0, path.find(' '));
    path.remove_prefix(std::min(name.size() + 1, path.size()));
    if (const auto *next = find(*page, name)) {
      page = next;
    }
  }
  return *page;
}

}  // namespace keyward::cli
