// keyward(1): one process, one command.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <clocale>
#include <csignal>
#include <cstring>
#include <ctime>
#include <exception>
#include <new>
#include <string>

#include "base/digest.hpp"
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

void report_json(const Outcome &outcome) {
  json::Writer writer;
  writer.begin_object().member("error", outcome.error).key("status").number(outcome.status);
  if (!outcome.bad_lines.empty()) {
    writer.key("lines").begin_array();
    for (std::size_t i = 0; i < outcome.bad_lines.size() && i < kShownBadLines; ++i) {
      const auto &bad = outcome.bad_lines[i];
      writer.begin_object()
          .key("line")
          .number(static_cast<std::int64_t>(bad.line))
          .member("error", bad.text)
          .end_object();
    }
    writer.end_array().key("bad_lines").number(static_cast<std::int64_t>(outcome.bad_lines.size()));
  }
  writer.end_object();
  write_error_line(writer.text());
}

void report(const Outcome &outcome, bool json) {
  if (outcome.error.empty()) {
    return;
  }
  if (json) {
    report_json(outcome);
    return;
  }
  for (std::size_t i = 0; i < outcome.bad_lines.size() && i < kShownBadLines; ++i) {
    const auto &bad = outcome.bad_lines[i];
    write_error_line("keyward: line " + std::to_string(bad.line) + ": " + printable(bad.text));
  }
  if (outcome.bad_lines.size() > kShownBadLines) {
    write_error_line("keyward: and " + std::to_string(outcome.bad_lines.size() - kShownBadLines) + " more bad lines");
  }
  write_error_line("keyward: " + printable(outcome.error));
}

Outcome run(const CommandLine::Parsed &parsed, Output &out) {
  Context context{parsed.store, parsed.json, static_cast<std::int64_t>(std::time(nullptr)), out};
  const auto &plan = parsed.plan;
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
  }
  return outcome;
}

int keyward_main(int argc, char **argv) {
  CommandLine line;
  add_init(line);
  add_plan_commands(line);
  add_subject_commands(line);
  add_key_create(line);
  add_key_list(line);
  add_key_rotate(line);
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
  report(outcome, parsed.json);
  return outcome.status;
}

}  // namespace
}  // namespace keyward::cli

int main(int argc, char **argv) {
  keyward::cli::hold_standard_descriptors();
  keyward::cli::protect_memory();
  umask(077);
  std::signal(SIGPIPE, SIG_IGN);
  if (!keyward::init_crypto()) {
    keyward::cli::write_error_line("keyward: libsodium can't be used on this machine");
    return keyward::cli::kStoreFailed;
  }
  return keyward::cli::keyward_main(argc, argv);
}
