// keyward(1): one process, one command.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstring>
#include <ctime>
#include <exception>
#include <new>
#include <string>

#include "base/digest.hpp"
#include "cli/author.hpp"
#include "cli/command_line.hpp"

namespace keyward::cli {
namespace {

constexpr std::size_t kShownBadLines = 50;

// A store's file must never be opened as descriptor 0, 1 or 2, where output would damage it.
void hold_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd) {
      _exit(kStoreFailed);
    }
  }
}

// Keys pass through this process: no core dump, no other process of this user that looks into it.
void protect_memory() {
  const rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__  // its search for leaks traces the process
  prctl(PR_SET_DUMPABLE, 0);
#endif
}

void report_json(const Outcome &outcome, std::size_t shown) {
  json::Writer writer;
  writer.begin_object().member("error", outcome.error).key("status").number(outcome.status);
  if (!outcome.bad_lines.empty()) {
    writer.key("lines").begin_array();
    for (std::size_t i = 0; i < shown; ++i) {
      const auto &bad = outcome.bad_lines[i];
      writer.begin_object();
      if (bad.line != 0) {
        writer.key(outcome.bad_unit).number(static_cast<std::int64_t>(bad.line));
      }
      writer.member("error", bad.text).end_object();
    }
    writer.end_array().key("bad_lines").number(static_cast<std::int64_t>(outcome.bad_line_count));
  }
  writer.end_object();
  write_error_line(writer.text());
}

void report(const Outcome &outcome, bool json) {
  if (outcome.error.empty()) {
    return;
  }
  const auto shown = std::min(outcome.bad_lines.size(), kShownBadLines);
  if (json) {
    report_json(outcome, shown);
    return;
  }
  for (std::size_t i = 0; i < shown; ++i) {
    const auto &bad = outcome.bad_lines[i];
    const auto where = bad.line == 0 ? std::string() : outcome.bad_unit + (" " + std::to_string(bad.line)) + ": ";
    write_error_line("keyward: " + where + printable(bad.text));
  }
  if (outcome.bad_line_count > shown) {
    write_error_line("keyward: and " +
                     counted(outcome.bad_line_count - shown, std::string("more bad ") + outcome.bad_unit));
  }
  write_error_line("keyward: " + printable(outcome.error));
}

Outcome run(const CommandLine::Parsed &parsed, Output &out) {
  Context context{parsed.store, parsed.json, static_cast<std::int64_t>(std::time(nullptr)), out};
  const auto &plan = parsed.plan;
  remember_author(parsed.command);
  if (!parsed.answer.empty()) {
    out.write(parsed.answer);
  } else {
    for (auto *input : plan.inputs) {
      input->open();
    }
  }
  auto outcome = plan.prepare ? plan.prepare(context) : done();
  if (outcome.ok() && plan.action) {
    outcome = run_as_owner(context, plan.use, plan.inputs, [&] { return plan.action(context); });
  }
  if (!out.flush() && outcome.ok()) {
    outcome = store_failed(std::string("standard output: ") + std::strerror(out.error()));
    outcome.reader_left = out.error() == EPIPE;
  }
  return outcome;
}

// `keyward key list | head -1`: whoever reads us has enough, and what was to be changed is changed by now. Other tools
// die of the signal while they write; this one ends as they do once it is through. A caller that ignores the signal
// wants to be told.
void end_as_others_do(const Outcome &outcome, bool tell) {
  if (outcome.reader_left && !tell) {
    std::signal(SIGPIPE, SIG_DFL);
    std::raise(SIGPIPE);
  }
}

int keyward_main(int argc, char **argv, bool pipe_ignored) {
  CommandLine line;
  add_init(line);
  add_plan_commands(line);
  add_subject_commands(line);
  add_key_create(line);
  add_key_list(line);
  add_key_rotate(line);
  add_key_set(line);
  add_key_states(line);
  add_key_revoke(line);
  add_key_check(line);
  add_key_import(line);
  add_key_export(line);
  add_key_purge(line);
  line.group("token", "tokens (JWT) that others issue", "keyward token revoke --subject alice");
  add_token_revoke(line);
  add_token_inspect(line);
  add_store_commands(line);
  add_store_moves(line);
  add_store_upgrade(line);
  add_audit(line);

  auto parsed = line.parse(argc, argv);
  Output out(STDOUT_FILENO);
  auto outcome = std::move(parsed.outcome);
  if (outcome.ok()) {
    try {
      outcome = run(parsed, out);
    } catch (const std::bad_alloc &) {
      outcome = store_failed("memory is exhausted");
    } catch (const std::exception &error) {
      outcome = store_failed(std::string("an internal error: ") + error.what());
    }
  }
  end_as_others_do(outcome, pipe_ignored);
  report(outcome, parsed.json);
  return outcome.status;
}

}  // namespace
}  // namespace keyward::cli

int main(int argc, char **argv) {
  keyward::cli::hold_standard_descriptors();
  keyward::cli::protect_memory();
  umask(077);
  const bool pipe_ignored = std::signal(SIGPIPE, SIG_IGN) == SIG_IGN;
  if (!keyward::init_crypto()) {
    keyward::cli::write_error_line("keyward: libsodium can't be used on this machine");
    return keyward::cli::kStoreFailed;
  }
  return keyward::cli::keyward_main(argc, argv, pipe_ignored);
}
