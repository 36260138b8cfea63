// The language of the command line: a thin front of CLI11, so that one file pays for compiling it and each group of
// commands declares its options beside its code.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/become.hpp"
#include "cli/context.hpp"
#include "cli/input_file.hpp"

namespace CLI {
class App;
}

namespace keyward::cli {

struct TextList {
  bool given = false;
  std::vector<std::string> values;
};

using Action = std::function<Outcome(Context &)>;

// One command; values are filled before its action runs. All values are text: each command says itself what is wrong
// with one.
class Command {
 public:
  Command &argument(const char *name, Text *value, const char *help);
  Command &arguments(const char *name, TextList *values, const char *help);  // any number of them, none too
  Command &option(const char *names, const char *value_name, Text *value, const char *help);
  Command &required(const char *names, const char *value_name, Text *value, const char *help);
  Command &list(const char *names, const char *value_name, TextList *values, const char *help);
  Command &flag(const char *names, bool *value, const char *help);
  // Files to be read: opened before the command becomes the store's owner.
  Command &input(const char *name, InputFile *file, const char *help);
  Command &input_option(const char *names, const char *value_name, InputFile *file, const char *help);
  Command &uses(const StoreUse &use);
  // Runs before the command becomes the store's owner: for what names files itself.
  Command &prepare(Action prepare);
  Command &action(Action action);

  struct Plan {
    Action prepare, action;
    StoreUse use;
    std::vector<InputFile *> inputs;
  };

 private:
  friend class CommandLine;
  Command(CLI::App *app, Plan *plan) : app_(app), plan_(plan) {}
  CLI::App *app_;
  Plan *plan_;
};

class CommandLine {
 public:
  CommandLine();
  ~CommandLine();
  CommandLine(const CommandLine &) = delete;
  CommandLine &operator=(const CommandLine &) = delete;

  void group(const char *name, const char *help, const std::string &example);
  // path: "init", or a group's name and the command's: "plan set". more: what else its help says; may be empty.
  Command command(std::string_view path, const std::string &help, const std::string &more, const std::string &example);

  struct Parsed {
    Outcome outcome;     // wrong usage, if not ok
    std::string answer;  // help or version: to be printed, nothing is to be run
    Command::Plan plan;
    std::string command;  // "key create"
    std::string store;
    bool json = false;  // known also if parsing failed
  };
  Parsed parse(int argc, char **argv);

 private:
  struct State;
  // Answers with the help of a group or a command.
  void help(const std::vector<std::string> &words, Parsed *parsed);

  std::unique_ptr<State> state_;
};

// Each group's declarations.
void add_init(CommandLine &line);
void add_plan_commands(CommandLine &line);
void add_plan_set(CommandLine &line);
void add_subject_commands(CommandLine &line);
void add_subject_block(CommandLine &line);
void add_key_create(CommandLine &line);
void add_key_list(CommandLine &line);
void add_key_set(CommandLine &line);
void add_key_states(CommandLine &line);
void add_key_revoke(CommandLine &line);
void add_key_rotate(CommandLine &line);
void add_key_purge(CommandLine &line);
void add_key_check(CommandLine &line);
void add_key_import(CommandLine &line);
void add_key_export(CommandLine &line);
void add_token_inspect(CommandLine &line);
void add_token_revoke(CommandLine &line);
void add_store_commands(CommandLine &line);
void add_store_moves(CommandLine &line);
void add_store_upgrade(CommandLine &line);
void add_audit(CommandLine &line);

}  // namespace keyward::cli
