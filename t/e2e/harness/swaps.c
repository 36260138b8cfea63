/* Preloaded into the command: writes down who it is at each call that names a file, and before the call of number $SWAP_AT puts a
   link to $SWAP_CANARY into the place of what that call names, as the user $SWAP_USER would do it (harness/swaps.py). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int calls; /* of this process; a child goes on from its parent's */

static void note(const char *call, int at, const char *path) {
  char line[PATH_MAX + 64];
  uid_t real = 0, effective = 0, saved = 0;
  getresuid(&real, &effective, &saved);
  int length = snprintf(line, sizeof(line), "%d %d %s %d %s\n", calls, real == 0 || effective == 0 || saved == 0, call, at, path);
  int fd = (int)syscall(SYS_openat, AT_FDCWD, getenv("SWAP_LOG"), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd >= 0) {
    if (write(fd, line, (size_t)length) < 0) {
      abort();
    }
    close(fd);
  }
}

/* The place's old content stays beside, so that the next swap finds a free name. */
static void swap(int at, const char *path) {
  const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
  char aside[PATH_MAX], link[PATH_MAX];
  uid_t user = (uid_t)atoi(getenv("SWAP_USER"));
  pid_t child = (pid_t)syscall(SYS_fork);
  if (child == 0) {
    if (syscall(SYS_getuid) == 0 && (setgroups(0, 0) != 0 || setgid(user) != 0 || setuid(user) != 0)) {
      _exit(1);
    }
    snprintf(aside, sizeof(aside), "%.4000s.aside", path);
    snprintf(link, sizeof(link), "%.2000s/%.2000s", getenv("SWAP_CANARY"), name);
    syscall(SYS_renameat, at, path, at, aside);
    syscall(SYS_symlinkat, link, at, path);
    _exit(0);
  }
  while (child > 0 && waitpid(child, 0, 0) == -1 && errno == EINTR) {
  }
}

static void look(const char *call, int at, const char *path) {
  const char *when = getenv("SWAP_AT");
  int before = errno;
  ++calls;
  if (getenv("SWAP_LOG") && path && *path && strncmp(path, "/etc/", 5) != 0 && strncmp(path, "/proc/sys", 9) != 0) {
    note(call, at, path);
    if (when && atoi(when) == calls) {
      swap(at, path);
    }
  }
  errno = before;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static mode_t mode_of(int flags, va_list *more) { return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(*more, mode_t) : 0; }

#define OPEN(name)                               \
  int name(const char *path, int flags, ...) {   \
    va_list more;                                \
    va_start(more, flags);                       \
    mode_t mode = mode_of(flags, &more);         \
    va_end(more);                                \
    look("open", AT_FDCWD, path);                \
    return REAL(name)(path, flags, mode);        \
  }
OPEN(open)
OPEN(open64)
#define OPENAT(name)                                    \
  int name(int at, const char *path, int flags, ...) {  \
    va_list more;                                       \
    va_start(more, flags);                              \
    mode_t mode = mode_of(flags, &more);                \
    va_end(more);                                       \
    look("open", at, path);                             \
    return REAL(name)(at, path, flags, mode);           \
  }
OPENAT(openat)
OPENAT(openat64)
int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags) { return open(path, flags); }
int __open64_2(const char *path, int flags);
int __open64_2(const char *path, int flags) { return open(path, flags); }
int __openat_2(int at, const char *path, int flags);
int __openat_2(int at, const char *path, int flags) { return openat(at, path, flags); }
int mkdir(const char *path, mode_t mode) {
  look("mkdir", AT_FDCWD, path);
  return REAL(mkdir)(path, mode);
}
int mkdirat(int at, const char *path, mode_t mode) {
  look("mkdir", at, path);
  return REAL(mkdirat)(at, path, mode);
}
int rename(const char *from, const char *to) {
  look("rename", AT_FDCWD, from);
  look("rename", AT_FDCWD, to);
  return REAL(rename)(from, to);
}
int renameat2(int at, const char *from, int to_at, const char *to, unsigned flags) {
  look("rename", at, from);
  look("rename", to_at, to);
  return REAL(renameat2)(at, from, to_at, to, flags);
}
int unlink(const char *path) {
  look("unlink", AT_FDCWD, path);
  return REAL(unlink)(path);
}
int unlinkat(int at, const char *path, int flags) {
  look("unlink", at, path);
  return REAL(unlinkat)(at, path, flags);
}
int rmdir(const char *path) {
  look("rmdir", AT_FDCWD, path);
  return REAL(rmdir)(path);
}
int chown(const char *path, uid_t user, gid_t group) {
  look("chown", AT_FDCWD, path);
  return REAL(chown)(path, user, group);
}
int lchown(const char *path, uid_t user, gid_t group) {
  look("chown", AT_FDCWD, path);
  return REAL(lchown)(path, user, group);
}
int fchownat(int at, const char *path, uid_t user, gid_t group, int flags) {
  look("chown", at, path);
  return REAL(fchownat)(at, path, user, group, flags);
}
