// A fork, and a pipe for what the child's outcome says.
#include "cli/child.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/file.hpp"

namespace keyward::cli {
namespace {

ChildEnd wait_for(pid_t child, int fd) {
  ChildEnd end;
  char part[4096];
  for (ssize_t count = 0; (count = read(fd, part, sizeof part)) != 0;) {
    if (count > 0) {
      end.outcome.error.append(part, static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      break;
    }
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE) {
    end.outcome = store_failed(std::string("standard output: ") + std::strerror(EPIPE));
    end.outcome.reader_left = true;
  } else if (WIFSIGNALED(status)) {
    end.signal = WTERMSIG(status);
  } else {
    end.outcome.status = WEXITSTATUS(status);
  }
  return end;
}

int run(Context &context, const std::function<Outcome()> &body, int fd) {
  auto outcome = body();
  if (!context.out.flush() && outcome.ok()) {
    if (context.out.error() == EPIPE) {
      std::signal(SIGPIPE, SIG_DFL);  // which is how the parent learns it
      std::raise(SIGPIPE);
    }
    outcome = store_failed(std::string("standard output: ") + std::strerror(context.out.error()));
  }
  const auto written = write(fd, outcome.error.data(), outcome.error.size());
  return written < 0 ? kStoreFailed : outcome.status;
}

}  // namespace

std::string signal_text(int number) { return "signal " + std::to_string(number) + " (" + strsignal(number) + ")"; }

void die_with_parent() noexcept { prctl(PR_SET_PDEATHSIG, SIGKILL); }

ChildEnd in_child(Context &context, const std::function<Outcome()> &body) {
  int ends[2] = {-1, -1};
  if (pipe(ends) != 0) {
    return {store_failed(std::string("can't create a pipe: ") + std::strerror(errno)), 0};
  }
  File in(ends[0]), out(ends[1]);
  const auto parent = getpid();
  const auto child = fork();
  if (child < 0) {
    return {store_failed(std::string("can't start a process: ") + std::strerror(errno)), 0};
  }
  if (child == 0) {
    in.close();
    // Whoever ends the command ends this, too.
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) {
      _exit(kStoreFailed);
    }
    _exit(run(context, body, out.get()));
  }
  out.close();
  return wait_for(child, in.get());
}

}  // namespace keyward::cli
