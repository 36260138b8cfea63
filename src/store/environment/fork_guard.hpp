// Tells, without a system call, whether a process inherited something by fork(): LMDB's environments must not be used
// on both sides of one.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

namespace keyward {

// A page that the kernel wipes in a child. Where there is none to be had (before Linux 4.14), the pid is compared.
class ForkGuard {
 public:
  ForkGuard() noexcept : pid_(getpid()) {
    void *page = mmap(nullptr, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
      return;
    }
    if (madvise(page, 1, MADV_WIPEONFORK) != 0) {
      munmap(page, 1);
      return;
    }
    mark_ = static_cast<volatile char *>(page);
    *mark_ = 1;
  }
  ~ForkGuard() {
    if (mark_ != nullptr) {
      munmap(const_cast<char *>(mark_), 1);
    }
  }
  ForkGuard(const ForkGuard &) = delete;
  ForkGuard &operator=(const ForkGuard &) = delete;

  bool inherited() const noexcept { return mark_ != nullptr ? *mark_ == 0 : getpid() != pid_; }

 private:
  volatile char *mark_ = nullptr;
  pid_t pid_;
};

}  // namespace keyward
