// The manual page, in man(7)'s macros.
#include <algorithm>

#include "base/version.hpp"
#include "cli/pages.hpp"

namespace keyward::cli {
namespace {

constexpr const char kFrame[] = R"(.SH EXIT STATUS
.TP
0
done
.TP
1
a clear no: not found, not valid, there already
.TP
2
wrong usage
.TP
3
the store failed, or the output could not be written
.SH ENVIRONMENT
.TP
.B KEYWARD_STORE
the store's folder, where \fB\-\-store\fR isn't given
.TP
.B NO_COLOR
no colours, also on a terminal
.SH FILES
.TP
.I /var/lib/keyward
the store, where neither \fB\-\-store\fR nor \fBKEYWARD_STORE\fR names another
)";

constexpr const char kEnd[] = R"(.SH SEE ALSO
.BR nginx (8)
)";

// Text as it is: roff would take a hyphen for a hyphenation, quotes for typographic ones, and a dot or an apostrophe at
// a line's beginning for a request.
std::string escaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool begins = i == 0 || text[i - 1] == '\n';
    out += begins && (text[i] == '.' || text[i] == '\'') ? "\\&" : "";
    switch (text[i]) {
      case '\\':
        out += "\\e";
        break;
      case '-':
        out += "\\-";
        break;
      case '\'':
        out += "\\(aq";
        break;
      case '`':
        out += "\\(ga";
        break;
      case '"':
        out += "\\(dq";
        break;
      case '^':
        out += "\\(ha";
        break;
      case '~':
        out += "\\(ti";
        break;
      default:
        out += text[i];
    }
  }
  return out;
}

std::string bold(std::string_view text) { return "\\fB" + escaped(text) + "\\fR"; }
std::string italic(std::string_view text) { return "\\fI" + escaped(text) + "\\fR"; }

std::string head_of(const OptionPage &option) {
  std::string head;
  for (const auto &name : option.names) {
    head += (head.empty() ? "" : ", ") + bold(name);
  }
  return head + (option.value.empty() ? "" : " " + italic(option.value));
}

bool is_help(const OptionPage &option) { return option.names.back() == "--help"; }

std::string usage_of(const CommandPage &command) {
  std::string usage = bold("keyward " + command.path);
  for (const auto &option : command.options) {
    const auto text = bold(option.names.back()) + (option.value.empty() ? "" : " " + italic(option.value));
    usage += is_help(option) ? "" : option.required ? " " + text : " [" + text + "]";
  }
  for (const auto &argument : command.arguments) {
    const auto text = italic(argument.names.front());
    usage += argument.required ? " " + text : " [" + text + "]";
  }
  return usage;
}

void add_options(const std::vector<OptionPage> &options, bool with_help, std::string *out) {
  for (const auto &option : options) {
    if (with_help || !is_help(option)) {
      *out += ".TP\n" + head_of(option) + "\n" + escaped(option.help) + "\n";
    }
  }
}

void add_command(const CommandPage &command, std::string *out) {
  if (!command.commands.empty()) {
    for (const auto &child : command.commands) {
      add_command(child, out);
    }
    return;
  }
  *out += ".SS keyward " + escaped(command.path) + "\n" + usage_of(command) + "\n.PP\n" + escaped(command.help) + "\n";
  *out += command.more.empty() ? "" : ".PP\n" + escaped(command.more) + "\n";
  for (const auto &argument : command.arguments) {
    *out += ".TP\n" + italic(argument.names.front()) + "\n" + escaped(argument.help) + "\n";
  }
  add_options(command.options, false, out);
  *out += ".PP\nFor example:\n.PP\n.EX\n" + escaped(command.example) + "\n.EE\n";
}

}  // namespace

std::string manual_page(const CommandPage &root) {
  // No date: the page is the same whenever it is made.
  std::string out =
      std::string(".TH KEYWARD 1 \"\" \"") + kProductVersion + "\" \"User Commands\"\n.nh\n.ad l\n.SH NAME\n";
  out += "keyward \\- " + escaped(root.help) + "\n.SH SYNOPSIS\n.B keyward\n.RI [ OPTION ]...\n.I COMMAND\n";
  out += ".SH DESCRIPTION\n" + escaped(root.more) + "\n.SH OPTIONS\nThese may stand before or after the command.\n";
  add_options(root.options, true, &out);
  out += ".SH COMMANDS\n";
  for (const auto &command : root.commands) {
    add_command(command, &out);
  }
  return out + kFrame + ".SH EXAMPLES\n.EX\n" + escaped(root.example) + "\n.EE\n" + kEnd;
}

}  // namespace keyward::cli
