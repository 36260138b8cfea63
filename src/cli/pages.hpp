// What the command can do, as its parser knows it, and what is made of that: the manual page, and completions for
// shells.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace keyward::cli {

struct OptionPage {
  std::vector<std::string> names;  // "-q", "--quiet"; of an argument its one name
  std::string value;               // "active|blocked", "FILE"; empty: none
  std::string help;
  bool required = false;
};

struct CommandPage {
  std::string path;  // "", "key", "key create"
  std::string help, more, example;
  std::vector<OptionPage> options, arguments;
  std::vector<CommandPage> commands;

  // "create" of "key create".
  std::string name() const { return path.substr(path.rfind(' ') + 1); }
};

// The words that a value may be, where its name lists them: "bcrypt[:COST]|sha256" is bcrypt or sha256.
std::vector<std::string> choices_of(std::string_view value);

// keyward(1), for man.
std::string manual_page(const CommandPage &root);

inline constexpr const char kShells[] = "bash|zsh|fish";
// Empty for another shell.
std::string completion(const CommandPage &root, std::string_view shell);

}  // namespace keyward::cli
