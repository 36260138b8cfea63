// CLI11 behind command_line.hpp, and its errors in our words. An error never repeats an argument that might be a key.
#include "cli/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <map>
#include <utility>

#include "base/version.hpp"
#include "cli/pages.hpp"
#include "cli/suggestion.hpp"
#include "cli/usage_error.hpp"
#include "store/environment/layout.hpp"

namespace keyward::cli {
namespace {

constexpr const char kEverywhere[] =
    "Everywhere: --store PATH (or KEYWARD_STORE; else /var/lib/keyward), --json, --help.\n";

std::string example_text(const std::string &lines) {
  std::string text = "\nExample:\n  ";
  for (const char c : lines) {
    text += c;
    text += c == '\n' ? "  " : "";
  }
  return text;
}

// CLI11's form of an option's value: one for each time that it is given, empty ones too.
CLI::Option *value_option(CLI::App *app, const char *names, const char *value_name, const char *help,
                          CLI::callback_t callback) {
  auto *option = app->add_option(names, std::move(callback), help);
  option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)->allow_extra_args(false)->type_size(1)->expected(1);
  option->option_text(value_name);
  return option;
}

CLI::callback_t into(const std::string &name, Text *value) {
  return [name, value](const CLI::results_t &results) {
    if (results.size() > 1) {
      throw CLI::ValidationError(name, "given more than once");
    }
    value->given = true;
    value->value = results.empty() ? std::string() : results.front();
    return true;
  };
}

// "-q,--quiet" -> "--quiet".
std::string long_name(std::string_view names) { return std::string(names.substr(names.find_last_of(',') + 1)); }

const CLI::App *deepest(const CLI::App &root) {
  const auto *app = &root;
  for (auto chosen = app->get_subcommands(); !chosen.empty(); chosen = app->get_subcommands()) {
    app = chosen.front();
  }
  return app;
}

std::string path_of(const CLI::App *app) {
  return app->get_parent() == nullptr ? app->get_name() : path_of(app->get_parent()) + " " + app->get_name();
}

bool is_group(const CLI::App *app) {
  return !app->get_subcommands([](const CLI::App *) { return true; }).empty();
}

// "key create" of `keyward key create`.
std::string own_path(const CLI::App *app) {
  const auto path = path_of(app);
  return path.substr(std::min(path.size(), sizeof "keyward"));
}

const CLI::App *child_of(const CLI::App *group, std::string_view name) {
  const auto children = group->get_subcommands([&](const CLI::App *child) { return child->get_name() == name; });
  return children.empty() ? nullptr : children.front();
}

// what() of CLI11 for an option without its value begins with the option's name.
std::string without_value(const CLI::App *app, std::string_view what) {
  return std::string(what.substr(0, what.find(':'))) + " needs a value; see `" + path_of(app) + " --help`";
}

// `--plan=` is an empty value for us; CLI11 would take the next argument for it.
std::vector<std::string> reversed_arguments(int argc, char **argv) {
  std::vector<std::string> arguments;
  bool options = true;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    options = options && argument != "--";
    if (options && argument.size() > 3 && argument.compare(0, 2, "--") == 0 &&
        argument.find('=') == argument.size() - 1) {
      argument.pop_back();
      arguments.push_back(std::move(argument));
      arguments.emplace_back();
    } else {
      arguments.push_back(std::move(argument));
    }
  }
  std::reverse(arguments.begin(), arguments.end());
  return arguments;
}

}  // namespace

struct CommandLine::State {
  // What CLI11 keeps only as one footer.
  struct Words {
    std::string more, example;
  };

  CLI::App root{"API keys, subjects and plans of the nginx module keyward", "keyward"};
  std::map<const CLI::App *, Command::Plan> plans;
  std::map<const CLI::App *, Words> words;
  Text store;
  bool json = false;
};

namespace {

OptionPage page_of(const CLI::Option &option) {
  OptionPage page;
  if (!option.nonpositional()) {
    page.names = {option.get_name(true)};
  }
  for (const auto &name : option.get_snames()) {
    page.names.push_back("-" + name);
  }
  for (const auto &name : option.get_lnames()) {
    page.names.push_back("--" + name);
  }
  page.value = option.get_option_text();
  page.help = option.get_description();
  page.required = option.get_required();
  return page;
}

template <typename WordsOf>
CommandPage page_of(const CLI::App &app, const std::string &path, const WordsOf &words) {
  CommandPage page;
  page.path = path;
  page.help = app.get_description();
  if (const auto found = words.find(&app); found != words.end()) {
    page.more = found->second.more;
    page.example = found->second.example;
  }
  for (const auto *option : app.get_options()) {
    (option->nonpositional() ? page.options : page.arguments).push_back(page_of(*option));
  }
  for (const auto *child : app.get_subcommands([](const CLI::App *) { return true; })) {
    page.commands.push_back(page_of(*child, (path.empty() ? "" : path + " ") + child->get_name(), words));
  }
  return page;
}

// Ends the parsing, as the version does: `text` is the answer.
[[noreturn]] void answer(std::string text) {
  text.resize(text.find_last_not_of('\n') + 1);
  throw CLI::CallForVersion(std::move(text), 0);
}

// The words of a command line that are no options, up to "--": the first of them name a command.
std::vector<std::string> leading_words(int argc, char **argv) {
  std::vector<std::string> words;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--store") {
      ++i;
    } else if (!argument.empty() && argument[0] != '-') {
      words.emplace_back(argument);
    } else if (argument == "--") {
      break;
    }
  }
  return words;
}

// `keyward help key create` and `keyward key help create`: of what help is wanted, without the word.
bool asks_for_help(const CLI::App &root, std::vector<std::string> *words) {
  const auto is_help = [&](std::size_t i) { return words->size() > i && (*words)[i] == "help"; };
  bool asks = false;
  while (is_help(0)) {
    words->erase(words->begin());
    asks = true;
  }
  const auto *group = words->empty() ? nullptr : child_of(&root, words->front());
  if (group != nullptr && is_group(group) && is_help(1)) {
    words->erase(words->begin() + 1);
    asks = true;
  }
  return asks;
}

}  // namespace

CommandLine::CommandLine() : state_(std::make_unique<State>()) {
  auto &root = state_->root;
  value_option(&root, "--store", "PATH", "the store's folder (default: $KEYWARD_STORE, else /var/lib/keyward)",
               into("--store", &state_->store));
  root.add_flag("--json", state_->json, "JSON instead of tables, also for errors")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  root.set_help_flag("-h,--help", "this help");
  root.set_version_flag("-V,--version", kProductVersion, "the version");
  root.add_flag_callback(
      "--man", [this] { answer(manual_page(page_of(state_->root, "", state_->words))); }, "the manual page, for man");
  value_option(&root, "--completion", kShells, "completions for a shell, to be sourced",
               [this](const CLI::results_t &results) {
                 auto text = completion(page_of(state_->root, "", state_->words), results.back());
                 if (text.empty()) {
                   throw CLI::ValidationError("--completion", "write bash, zsh or fish");
                 }
                 answer(std::move(text));
                 return true;
               });
  root.get_formatter()->label("SUBCOMMAND", "COMMAND");
  root.get_formatter()->label("REQUIRED", "");
  root.get_formatter()->column_width(34);
  root.require_subcommand(1);
  auto &words = state_->words[&root];
  words.more =
      "Makes and changes the store that nginx's workers read. A change is on the disk before the command says so, and "
      "counts for the next request of every worker; nginx needs no reload.";
  words.example =
      "keyward init --user www-data\n"
      "keyward plan set pro --scope 'posts:*' --limit 60r/m\n"
      "keyward key create --name laptop --subject alice --plan pro\n"
      "keyward key list --subject alice";
  root.footer(
      "`keyward help COMMAND` says more of a command.\n"
      "Exit status: 0 done; 1 a clear no (not found, not valid, there already); 2 wrong usage; 3 the store failed.\n" +
      example_text(words.example));
}

CommandLine::~CommandLine() = default;

void CommandLine::group(const char *name, const char *help, const std::string &example) {
  auto *app = state_->root.add_subcommand(name, help);
  app->group("Commands")->require_subcommand(1)->fallthrough();
  app->footer(kEverywhere + example_text(example));
}

Command CommandLine::command(std::string_view path, const std::string &help, const std::string &more,
                             const std::string &example) {
  CLI::App *parent = &state_->root;
  const auto space = path.find(' ');
  if (space != std::string_view::npos) {
    parent = parent->get_subcommand(std::string(path.substr(0, space)));
    path.remove_prefix(space + 1);
  }
  auto *app = parent->add_subcommand(std::string(path), help);
  app->group("Commands")->fallthrough();
  app->footer((more.empty() ? "" : more + "\n\n") + kEverywhere + example_text(example));
  state_->words[app] = {more, example};
  return {app, &state_->plans[app]};
}

Command &Command::argument(const char *name, Text *value, const char *help) {
  value_option(app_, name, "", help, into(name, value))->required();
  return *this;
}

Command &Command::arguments(const char *name, TextList *values, const char *help) {
  list(name, "", values, help);
  app_->get_option(name)->allow_extra_args()->expected(1, CLI::detail::expected_max_vector_size);
  return *this;
}

Command &Command::option(const char *names, const char *value_name, Text *value, const char *help) {
  value_option(app_, names, value_name, help, into(long_name(names), value));
  return *this;
}

Command &Command::required(const char *names, const char *value_name, Text *value, const char *help) {
  value_option(app_, names, value_name, help, into(long_name(names), value))->required();
  return *this;
}

Command &Command::list(const char *names, const char *value_name, TextList *values, const char *help) {
  value_option(app_, names, value_name, help, [values](const CLI::results_t &results) {
    values->given = true;
    values->values = results;
    return true;
  });
  return *this;
}

Command &Command::flag(const char *names, bool *value, const char *help) {
  app_->add_flag(names, *value, help)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  return *this;
}

Command &Command::action(Action action) {
  plan_->action = std::move(action);
  return *this;
}

Command &Command::prepare(Action prepare) {
  plan_->prepare = std::move(prepare);
  return *this;
}

Command &Command::uses(const StoreUse &use) {
  plan_->use = use;
  return *this;
}

Command &Command::input(const char *name, InputFile *file, const char *help) {
  plan_->inputs.push_back(file);
  return argument(name, file, help);
}

Command &Command::input_option(const char *names, const char *value_name, InputFile *file, const char *help) {
  plan_->inputs.push_back(file);
  return option(names, value_name, file, help);
}

void CommandLine::help(const std::vector<std::string> &words, Parsed *parsed) {
  const auto *app = &state_->root;
  std::string above;
  for (auto word = words.begin(); word != words.end() && is_group(app); ++word) {
    const auto *next = child_of(app, *word);
    if (next == nullptr) {
      const auto page = page_of(state_->root, "", state_->words);
      parsed->outcome = wrong_usage(missing_command(page_at(page, own_path(app)), {word, words.end()}));
      return;
    }
    above = path_of(app);
    app = next;
  }
  parsed->answer = app->help(above);
}

CommandLine::Parsed CommandLine::parse(int argc, char **argv) {
  Parsed parsed;
  auto &root = state_->root;
  auto arguments = reversed_arguments(argc, argv);
  parsed.json = std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
  if (auto words = leading_words(argc, argv); asks_for_help(root, &words)) {
    help(words, &parsed);
    return parsed;
  }
  const auto page = [this] { return page_of(state_->root, "", state_->words); };
  try {
    root.parse(arguments);
    const auto *chosen = deepest(root);
    const char *environment = std::getenv("KEYWARD_STORE");
    parsed.plan = state_->plans[chosen];
    parsed.command = own_path(chosen);
    parsed.json = state_->json;
    parsed.store = state_->store.given                              ? state_->store.value
                   : environment != nullptr && *environment != '\0' ? environment
                                                                    : kDefaultStore;
    if (parsed.store.empty()) {
      parsed.outcome = wrong_usage("--store needs the path of the store's folder");
    }
  } catch (const CLI::CallForVersion &version) {
    parsed.answer = std::string(version.what()) + "\n";
  } catch (const CLI::CallForHelp &) {
    parsed.answer = root.help();
  } catch (const CLI::ArgumentMismatch &error) {
    parsed.outcome = wrong_usage(without_value(deepest(root), error.what()));
  } catch (const CLI::ValidationError &error) {
    parsed.outcome = wrong_usage(std::string(error.what()) + "; see `" + path_of(deepest(root)) + " --help`");
  } catch (const CLI::ParseError &error) {
    const auto *app = deepest(root);
    const auto rest = root.remaining(true);
    if (is_group(app)) {
      parsed.outcome = wrong_usage(missing_command(page_at(page(), own_path(app)), rest));
    } else if (!rest.empty()) {
      parsed.outcome = wrong_usage(unexpected(page(), own_path(app), rest));
    } else {
      parsed.outcome = wrong_usage(std::string(error.what()) + "; see `" + path_of(app) + " --help`");
    }
  }
  return parsed;
}

}  // namespace keyward::cli
