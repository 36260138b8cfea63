// The look at the store that `nginx -t`, a start and a reload take.
#include "ngx/configuration/store_check.hpp"

#include <grp.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/digest.hpp"
#include "store/transactions/reader.hpp"

namespace keyward {
namespace {

// A store that can't be read in this time can't serve either.
constexpr int kCheckTimeoutMs = 10000;

// In the child: never returns.
[[noreturn]] void look(const ngx_core_conf_t *core, const std::string &folder, bool for_changes, int out) noexcept {
  StoreStatus status;
  std::vector<std::string> warnings;
  const bool become = geteuid() == 0 && core->user != static_cast<ngx_uid_t>(NGX_CONF_UNSET_UINT);
  if (become && (setgid(core->group) != 0 || initgroups(core->username, core->group) != 0 || setuid(core->user) != 0)) {
    status = {StoreCode::permission, "can't switch to the user of nginx's workers"};
  } else if (!init_crypto()) {
    status = {StoreCode::io, "libsodium can't be used"};
  } else {
    guarded(false, [&] {
      status = probe_store(folder, &warnings, for_changes);
      return true;
    });
  }
  guarded(false, [&] {
    std::string said(1, static_cast<char>(status.code));
    said += status.text;
    for (const std::string &warning : warnings) {
      said.append(1, '\0').append(warning);
    }
    const ssize_t written = write(out, said.data(), said.size());
    (void)written;
    return true;
  });
  _exit(0);
}

// What the child had to say; empty if it died without a word.
std::string read_all(int in) {
  std::string text;
  for (;;) {
    pollfd ready = {in, POLLIN, 0};
    const int events = poll(&ready, 1, kCheckTimeoutMs);
    if (events < 0 && errno == EINTR) {
      continue;
    }
    char buffer[1024];
    const ssize_t count = events > 0 ? read(in, buffer, sizeof(buffer)) : 0;
    if (count <= 0) {
      return text;
    }
    text.append(buffer, static_cast<std::size_t>(count));
  }
}

}  // namespace

StoreStatus check_store_as_worker(ngx_cycle_t *cycle, const std::string &folder, bool for_changes,
                                  std::vector<std::string> *warnings) {
  warnings->clear();
  const auto *core = reinterpret_cast<ngx_core_conf_t *>(ngx_get_conf(cycle->conf_ctx, ngx_core_module));
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return {StoreCode::io, std::string("can't look at the store: ") + std::strerror(errno)};
  }
  const pid_t child = fork();
  if (child == -1) {
    close(ends[0]);
    close(ends[1]);
    return {StoreCode::io, std::string("can't look at the store: ") + std::strerror(errno)};
  }
  if (child == 0) {
    close(ends[0]);
    look(core, folder, for_changes, ends[1]);
  }
  close(ends[1]);
  const std::string said = read_all(ends[0]);
  close(ends[0]);
  if (said.empty()) {
    kill(child, SIGKILL);
  }
  // The master's own SIGCHLD handler may have been quicker (ECHILD): the pipe has told all there is to know.
  while (waitpid(child, nullptr, 0) == -1 && errno == EINTR) {
  }
  if (said.empty()) {
    return {StoreCode::damaged, "the store at " + folder + " can't be read: checking it crashed or took too long"};
  }
  // The first byte is the code; the text and each warning end at a NUL.
  StoreStatus status{static_cast<StoreCode>(said[0]), said.substr(1, said.find('\0', 1) - 1)};
  for (std::size_t at = said.find('\0', 1); at != std::string::npos;) {
    const std::size_t end = said.find('\0', at + 1);
    warnings->push_back(said.substr(at + 1, end - at - 1));
    at = end;
  }
  if (status.code == StoreCode::permission && core->username != nullptr) {
    status.text += std::string("; workers run as \"") + core->username +
                   "\", which must own all of the store: chown -R " + core->username + ' ' + folder +
                   ", and chmod a+x the folders above it that this user can't enter";
  }
  return status;
}

}  // namespace keyward
