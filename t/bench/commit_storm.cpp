// Commits to a store at a steady rate, as a busy administration would: what workers do meanwhile is what is measured.
//
//   commit_storm STORE RATE SECONDS     RATE commits a second; prints {"commits":N,"seconds":S} at the end, and on SIGTERM
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "base/digest.hpp"
#include "store/transactions/writer.hpp"

namespace {

using Clock = std::chrono::steady_clock;

volatile std::sig_atomic_t stopped = 0;

// What has fallen further behind than this isn't caught up with: a burst would be another load than the one asked for.
constexpr std::chrono::milliseconds kMostBehind{100};

keyward::StoreStatus commit(keyward::CredentialWriter &writer, long number) {
  return writer.run(keyward::kWaitMs, keyward::Author::worker(), [number](keyward::WriteTxn &txn) {
    keyward::SubjectRecord record;
    record.subject = "storm";
    record.created_at_s = record.changed_at_s = 1 + number;
    return txn.put_subject(record);
  });
}

int storm(const std::string &store, double rate, double seconds) {
  keyward::CredentialWriter writer;
  keyward::StoreStatus status = writer.open(store);
  const auto interval = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1 / rate));
  const Clock::time_point start = Clock::now();
  const Clock::time_point end =
      start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  Clock::time_point next = start;
  long commits = 0;
  while (status.ok() && stopped == 0 && next < end) {
    std::this_thread::sleep_until(next);
    status = commit(writer, commits);
    commits += status.ok() ? 1 : 0;
    next += interval;
    if (const Clock::time_point now = Clock::now(); now - next > kMostBehind) {
      next = now;
    }
  }
  if (!status.ok()) {
    std::fprintf(stderr, "commit_storm: %s\n", status.text.c_str());
    return 1;
  }
  std::printf("{\"commits\":%ld,\"seconds\":%.3f}\n", commits,
              std::chrono::duration<double>(Clock::now() - start).count());
  return 0;
}

}  // namespace

int main(int argc, char **argv) {
  const double rate = argc == 4 ? std::strtod(argv[2], nullptr) : 0;
  const double seconds = argc == 4 ? std::strtod(argv[3], nullptr) : 0;
  if (!(rate > 0 && rate <= 1e6 && seconds > 0 && seconds <= 1e6) || !keyward::init_crypto()) {
    std::fprintf(stderr, "usage: commit_storm STORE RATE SECONDS\n");
    return 2;
  }
  std::signal(SIGTERM, [](int) { stopped = 1; });
  return storm(argv[1], rate, seconds);
}
