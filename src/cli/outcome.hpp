// How a command ended: its exit status, and the one line that says why.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "store/status.hpp"

namespace keyward::cli {

enum ExitStatus : int {
  kDone = 0,
  kNo = 1,           // a clear no: not found, not valid, there already
  kUsage = 2,        // wrong usage
  kStoreFailed = 3,  // the store, or writing what was asked for
};

// A bad line of an import.
struct BadLine {
  std::size_t line = 0;
  std::string text;
};

struct Outcome {
  int status = kDone;
  std::string error;               // one sentence without a final stop; empty: nothing to say
  std::vector<BadLine> bad_lines;  // shown before it

  bool ok() const noexcept { return status == kDone; }
};

inline Outcome done() { return {}; }
inline Outcome no(std::string error) { return {kNo, std::move(error), {}}; }
inline Outcome wrong_usage(std::string error) { return {kUsage, std::move(error), {}}; }
inline Outcome store_failed(std::string error) { return {kStoreFailed, std::move(error), {}}; }

// What the store answered, as the command's end: found nothing and "exists" are a no, all else has failed.
Outcome from_store(const StoreStatus &status);

}  // namespace keyward::cli
