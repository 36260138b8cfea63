// How much of an event loop's time may go into signatures of tokens that it doesn't remember, and whose never do.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace keyward {

// Of one process; single-threaded. What it doesn't admit is verified in a thread. So whoever sends tokens that nobody
// has seen before, good or forged, can't hold up the requests of others; and a first token on a quiet edge has no thread
// to wait for. Clocks in milliseconds, any that don't step back.
class SignatureBudget {
 public:
  static constexpr std::uint32_t kMostUs = 100;   // one that takes longer is never verified on the loop
  static constexpr std::uint32_t kUsPerMs = 100;  // a tenth of its time
  static constexpr std::uint32_t kFullUs = 1000;  // what a quiet time saves up
  static constexpr std::uint64_t kSuspectMs = 10000;

  // For a process that has nothing else to do.
  static SignatureBudget unlimited() noexcept;

  // Whether signatures that take cost_us may be looked at here and now, for whoever comes from this address; if so, they
  // are paid for.
  bool admits(std::uint32_t cost_us, std::string_view address, std::uint64_t now_ms) noexcept;

  // A signature from this address was wrong.
  void note_wrong(std::string_view address, std::uint64_t now_ms) noexcept;
  // Whether one was wrong a short while ago: others come first then.
  bool is_suspect(std::string_view address, std::uint64_t now_ms) const noexcept;

 private:
  // Found by their place alone, so that nobody can fill the table: of two that share a place the later one counts.
  struct Suspect {
    std::uint64_t name = 0, until_ms = 0;
  };
  static constexpr std::size_t kSuspects = 4096;

  bool unlimited_ = false;
  std::uint32_t left_us_ = kFullUs;
  std::uint64_t filled_ms_ = 0;
  std::array<Suspect, kSuspects> suspects_ = {};
};

}  // namespace keyward
