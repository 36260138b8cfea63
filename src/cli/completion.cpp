// Completions for bash, zsh and fish. bash and zsh share a form: one function knows a command's words, another those of
// a value, and a third walks along the line.
#include <algorithm>

#include "cli/pages.hpp"

namespace keyward::cli {
namespace {

constexpr const char kBash[] = R"(
_keyward() {
    local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} at='' commands options valued word i
    # Where bash breaks words at '=', it is a word of its own.
    if [[ $cur == '=' ]]; then
        cur=''
    elif [[ $before == '=' ]]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    COMPREPLY=()
    _keyward_command ''
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ " $valued " == *" $word "* ]]; then
            [[ ${COMP_WORDS[i + 1]} == '=' ]] && ((i++))
            ((i++))
        elif [[ " $commands " == *" $word "* ]]; then
            at+=${at:+ }$word
            _keyward_command "$at"
        fi
    done
    if [[ " $valued " == *" $before "* ]]; then
        _keyward_value "$at $before"
    elif [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
    elif [[ -n $commands ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur")
    else
        _keyward_value "$at"
    fi
}
complete -F _keyward keyward
)";

constexpr const char kZsh[] = R"(
_keyward() {
    local -a commands options valued
    local at='' word
    integer i
    _keyward_command ''
    for ((i = 2; i < CURRENT; i++)); do
        word=$words[i]
        if ((${valued[(Ie)$word]})); then
            ((i++))
        elif ((${commands[(I)$word:*]})); then
            at+=${at:+ }$word
            _keyward_command $at
        fi
    done
    if ((${valued[(Ie)$words[CURRENT-1]]})); then
        _keyward_value "$at $words[CURRENT-1]"
    elif [[ $PREFIX == --*=* ]]; then
        word=${PREFIX%%=*}
        compset -P '*='
        _keyward_value "$at $word"
    elif [[ $PREFIX == -* ]]; then
        _describe option options
    elif (($#commands)); then
        _describe command commands
    else
        _keyward_value $at
    fi
}
if [[ $funcstack[1] == _keyward ]]; then
    _keyward "$@"
else
    compdef _keyward keyward
fi
)";

constexpr const char kFish[] = R"(
function __keyward_at
    set -l at
    for word in (commandline -opc)[2..-1]
        if contains -- (string join -- ' ' $at $word) $__keyward_commands
            set at $at $word
        end
    end
    test "$at" = "$argv[1]"
end
complete -c keyward -f
)";

std::string quoted(std::string_view text, std::string_view quote) {
  std::string out = "'";
  for (const char c : text) {
    c == '\'' ? out.append(quote) : out.append(1, c);
  }
  return out + "'";
}
std::string for_sh(std::string_view text) { return quoted(text, "'\\''"); }
std::string for_fish(std::string_view text) { return quoted(text, "\\'"); }

template <typename Visit>
void walk(const CommandPage &command, const Visit &visit) {
  visit(command);
  for (const auto &child : command.commands) {
    walk(child, visit);
  }
}

std::string joined(const std::vector<std::string> &words) {
  std::string out;
  for (const auto &word : words) {
    out += (out.empty() ? "" : " ") + word;
  }
  return out;
}

// How a shell completes a value of this kind.
struct ValueWays {
  const char *words, *folder, *file, *user;  // words come behind the first, and are closed by the next
  const char *words_end;
};
constexpr ValueWays kBashWays = {"mapfile -t COMPREPLY < <(compgen -W '",
                                 "mapfile -t COMPREPLY < <(compgen -d -- \"$cur\"); compopt -o filenames 2>/dev/null",
                                 "mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); compopt -o filenames 2>/dev/null",
                                 "mapfile -t COMPREPLY < <(compgen -u -- \"$cur\")", "' -- \"$cur\")"};
constexpr ValueWays kZshWays = {"compadd -- ", "_files -/", "_files", "_users", ""};
constexpr ValueWays kFishWays = {" -x -a '", " -x -a '(__fish_complete_directories)'", " -r -F",
                                 " -x -a '(__fish_complete_users)'", "'"};

// Empty: nothing is known of the value.
std::string way_of(std::string_view value, const ValueWays &ways) {
  if (const auto words = choices_of(value); !words.empty()) {
    return ways.words + joined(words) + ways.words_end;
  }
  return value == "PATH" || value == "FOLDER"         ? ways.folder
         : value == "FILE"                            ? ways.file
         : value == "USER" || value == "USER[:GROUP]" ? ways.user
                                                      : "";
}

// The branches of a `case` on "COMMAND --option" (or "COMMAND", for its argument).
std::string value_branches(const CommandPage &root, const ValueWays &ways) {
  std::string out;
  walk(root, [&](const CommandPage &command) {
    const auto add = [&](const std::string &pattern, std::string_view value) {
      const auto way = way_of(value, ways);
      out += way.empty() ? "" : "        (" + pattern + ") " + way + " ;;\n";
    };
    for (const auto &option : command.options) {
      for (const auto &name : option.names) {
        // The options of the whole command stand anywhere.
        add((command.path.empty() ? "*" : "") + for_sh(command.path + " " + name), option.value);
      }
    }
    for (const auto &argument : command.arguments) {
      add(for_sh(command.path), argument.names.front());
    }
  });
  return out;
}

// A command's options and those of the whole command.
std::vector<OptionPage> options_at(const CommandPage &root, const CommandPage &command) {
  auto options = command.options;
  for (const auto &option : root.options) {
    const auto same = [&](const OptionPage &other) { return other.names == option.names; };
    const bool anywhere = option.names.back() == "--store" || option.names.back() == "--json";
    if (anywhere && std::none_of(options.begin(), options.end(), same)) {
      options.push_back(option);
    }
  }
  return options;
}

// The branches of a `case` on the command; each sets its words.
std::string command_branches(const CommandPage &root, bool described) {
  std::string out;
  walk(root, [&](const CommandPage &command) {
    std::string commands, options, valued;
    const auto add = [&](std::string *list, const std::string &name, const std::string &help) {
      *list += (list->empty() ? "" : " ") + (described ? for_sh(help.empty() ? name : name + ":" + help) : name);
    };
    for (const auto &child : command.commands) {
      add(&commands, child.name(), child.help);
    }
    for (const auto &option : options_at(root, command)) {
      for (const auto &name : option.names) {
        add(&options, name, option.help);
        if (!option.value.empty()) {
          add(&valued, name, "");
        }
      }
    }
    const auto list = [&](const char *name, const std::string &words) {
      return std::string(name) + "=" + (described ? "(" + words + ")" : "'" + words + "'");
    };
    out += "        (" + for_sh(command.path) + ")\n            " + list("commands", commands) + "\n            " +
           list("options", options) + "\n            " + list("valued", valued) + " ;;\n";
  });
  return out;
}

std::string sh_script(const CommandPage &root, const ValueWays &ways, bool described, const char *rest) {
  return "_keyward_command() {\n    case $1 in\n" + command_branches(root, described) +
         "    esac\n}\n_keyward_value() {\n    case $1 in\n" + value_branches(root, ways) + "    esac\n}" + rest;
}

std::string fish_option(const OptionPage &option, const std::string &where) {
  std::string line = "complete -c keyward" + where;
  for (const auto &name : option.names) {
    line += name.compare(0, 2, "--") == 0 ? " -l " + name.substr(2) : " -s " + name.substr(1);
  }
  const auto way = way_of(option.value, kFishWays);
  line += option.value.empty() ? "" : way.empty() ? " -x" : way;
  return line + " -d " + for_fish(option.help) + "\n";
}

std::string fish_script(const CommandPage &root) {
  std::string paths, out;
  walk(root, [&](const CommandPage &command) {
    const auto where = " -n " + for_fish("__keyward_at \"" + command.path + "\"");
    paths += command.path.empty() ? "" : " " + for_fish(command.path);
    for (const auto &child : command.commands) {
      out += "complete -c keyward" + where + " -a " + child.name() + " -d " + for_fish(child.help) + "\n";
    }
    for (const auto &option : command.options) {
      const bool anywhere = option.names.back() == "--store" || option.names.back() == "--json";
      out += fish_option(option, anywhere ? "" : where);
    }
    for (const auto &argument : command.arguments) {
      const auto way = way_of(argument.names.front(), kFishWays);
      out += way.empty() ? "" : "complete -c keyward" + where + way + "\n";
    }
  });
  return "set -g __keyward_commands" + paths + kFish + out;
}

}  // namespace

std::vector<std::string> choices_of(std::string_view value) {
  std::vector<std::string> words;
  while (value.find('|') != std::string_view::npos || !words.empty()) {
    const auto end = std::min(value.find('|'), value.size());
    const auto word = value.substr(0, std::min(value.find('['), end));
    const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
    if (word.empty() || !std::all_of(word.begin(), word.end(), plain)) {
      return {};
    }
    words.emplace_back(word);
    if (end == value.size()) {
      return words;
    }
    value.remove_prefix(end + 1);
  }
  return words;
}

std::string completion(const CommandPage &root, std::string_view shell) {
  const std::string made = "completions of keyward(1), made by `keyward --completion " + std::string(shell) + "`\n";
  if (shell == "bash") {
    return "# " + made + sh_script(root, kBashWays, false, kBash);
  }
  if (shell == "zsh") {
    return "#compdef keyward\n# " + made + sh_script(root, kZshWays, true, kZsh);
  }
  return shell == "fish" ? "# " + made + fish_script(root) : "";
}

}  // namespace keyward::cli
