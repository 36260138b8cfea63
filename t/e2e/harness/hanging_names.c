// Preloaded into nginx: looking up the name hanging.invalid takes longer than any test, and says so in the error log.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result) {
  int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
  *(void **)&next = dlsym(RTLD_NEXT, "getaddrinfo");
  if (node != NULL && strcmp(node, "hanging.invalid") == 0) {
    static const char note[] = "looking up hanging.invalid\n";
    if (write(2, note, sizeof(note) - 1) == sizeof(note) - 1) {
      sleep(20);
    }
  }
  return next(node, service, hints, result);
}
