// At most N at once over all processes: what keeps bcrypt from taking every processor.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"

namespace keyward {

// Lies in shared memory. A holder that is killed gives its place back (robust mutexes, futex).
class VerifierGate {
 public:
  static constexpr std::size_t kMaxPlaces = 64;
  static std::size_t size() noexcept;                  // bytes, to be aligned to 64
  static VerifierGate *create(void *memory) noexcept;  // zeroed, shared already
  static VerifierGate *adopt(void *memory) noexcept;   // nullptr if it isn't one

  // A place held by the calling thread. Released by the destructor, by the same thread.
  class Place {
   public:
    Place() = default;
    Place(Place &&other) noexcept;
    Place &operator=(Place &&other) noexcept;
    ~Place();
    explicit operator bool() const noexcept { return gate_ != nullptr; }

   private:
    friend class VerifierGate;
    VerifierGate *gate_ = nullptr;
    std::size_t index_ = 0;
    std::int64_t spare_since_ns_ = 0;  // 0: it is no spare work's
  };

  // Waits for one of the first `places` places (1 to kMaxPlaces), for work named `work`. While a holder anywhere
  // works under the same name, waits until that one has ended, so that the caller can look whether its work was done
  // meanwhile: `shared` is set to true then, and a place is held all the same only if the caller gets one (it always
  // does, unless give_up() answers true, which is asked at least every 50 ms). Blocks: only for threads of a pool.
  Place enter(std::size_t places, const Digest &work, bool *shared, bool (*give_up)(void *), void *context) noexcept;

  // The same for work that must not keep other work waiting: it has at most a quarter of the places (at least one) at a
  // time over all processes, none while anybody waits in enter(), and of the time of places that others waited for a
  // quarter.
  Place enter_spare(std::size_t places, const Digest &work, bool *shared, bool (*give_up)(void *),
                    void *context) noexcept;

  std::size_t held() const noexcept;  // how many places are held; approximate, for metrics and tests

 private:
  VerifierGate() = default;
  Place wait(std::size_t places, bool spare, const Digest &work, bool *shared, bool (*give_up)(void *),
             void *context) noexcept;
};

}  // namespace keyward
