// Errors that name what there is, and what may have been meant.
#include "cli/usage_error.hpp"

#include <algorithm>
#include <iterator>

#include "base/quote.hpp"
#include "cli/suggestion.hpp"

namespace keyward::cli {
namespace {

std::string full_path(const CommandPage &page) { return page.path.empty() ? "keyward" : "keyward " + page.path; }

// "; see `keyward key --help`", as the end of a sentence or as one.
std::string see(const CommandPage &page, bool new_sentence) {
  return (new_sentence ? " See `" : "; see `") + full_path(page) + " --help`";
}

std::string names_of(const CommandPage &group) {
  std::string names;
  for (const CommandPage &command : group.commands) {
    names += (names.empty() ? "" : ", ") + command.name();
  }
  return names;
}

bool may_be_repeated(std::string_view word) {
  return word.size() <= 16 &&
         std::all_of(word.begin(), word.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; });
}

}  // namespace

std::string missing_command(const CommandPage &at, const std::vector<std::string> &rest) {
  std::vector<std::string> words;
  std::copy_if(rest.begin(), rest.end(), std::back_inserter(words),
               [](const auto &word) { return !word.empty() && word[0] != '-'; });
  const auto there_are = "; there are " + names_of(at) + see(at, false);
  const auto path = full_path(at);
  if (words.empty()) {
    return "a command is missing after `" + path + "`" + there_are;
  }
  if (!may_be_repeated(words.front())) {
    return "there is no such command after `" + path + "`" + there_are;
  }
  const auto meant = suggested_command(at, words);
  return "there is no command `" + path + " " + words.front() + "`" +
         (meant.empty() ? there_are : "; did you mean `keyward " + meant + "`?" + see(at, true));
}

std::string unexpected(const CommandPage &root, std::string_view path, const std::vector<std::string> &rest) {
  const CommandPage &at = page_at(root, path);
  const auto name = full_path(at);
  const auto option =
      std::find_if(rest.begin(), rest.end(), [](const auto &word) { return word.size() > 1 && word[0] == '-'; });
  if (option == rest.end()) {
    return "too many arguments for `" + name + "`" +
           (path == "key check"
                ? ": the key is read from standard input, never from the command line, where others can see it"
                : "") +
           see(at, false);
  }
  const auto shown =
      (*option)[1] == '-' ? option->substr(0, std::min(option->find('='), std::size_t{32})) : option->substr(0, 2);
  const auto meant = suggested_option(root, at, shown);
  return "`" + name + "` has no option " + quote(shown) +
         (meant.empty() ? see(at, false) : "; did you mean `" + meant + "`?" + see(at, true));
}

}  // namespace keyward::cli
