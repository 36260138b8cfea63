/* Preloaded into nginx: refuses memory, or threads, as the file $REFUSALS_FILE says: three 64-bit numbers and a flag (harness/refusals.py).
   The mapping outlives forks, so one write reaches every process at once. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static struct refusals {
  int64_t pid;     /* whose allocations are counted; 0: nobody's */
  int64_t at;      /* the one that is refused, from 1 on */
  int64_t count;   /* so far */
  int64_t threads; /* no threads, for anybody */
} *refusals;

__attribute__((constructor)) static void start(void) {
  const char *path = getenv("REFUSALS_FILE");
  int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
  void *map = fd >= 0 ? mmap(0, sizeof(*refusals), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
  if (fd >= 0) {
    close(fd);
  }
  refusals = map != MAP_FAILED ? map : 0;
}

static int is_refused(void) {
  if (!refusals || __atomic_load_n(&refusals->pid, __ATOMIC_ACQUIRE) != getpid()) {
    return 0;
  }
  return __atomic_add_fetch(&refusals->count, 1, __ATOMIC_ACQ_REL) == __atomic_load_n(&refusals->at, __ATOMIC_ACQUIRE);
}

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

static void *refuse(void) {
  errno = ENOMEM;
  return 0;
}

void *malloc(size_t size) { return is_refused() ? refuse() : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return is_refused() ? refuse() : __libc_calloc(count, size); }
void *realloc(void *old, size_t size) { return is_refused() ? refuse() : __libc_realloc(old, size); }
void *memalign(size_t alignment, size_t size) { return is_refused() ? refuse() : __libc_memalign(alignment, size); }
void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **out, size_t alignment, size_t size) {
  void *block = is_refused() ? 0 : __libc_memalign(alignment, size);
  if (!block) {
    return ENOMEM;
  }
  *out = block;
  return 0;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument) {
  int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
  if (refusals && refusals->threads) {
    return EAGAIN;
  }
  *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
  return real(thread, attributes, run, argument);
}
