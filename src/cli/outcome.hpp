// How a command ended: its exit status, and the one line that says why.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "store/environment/status.hpp"

namespace keyward::cli {

enum ExitStatus : int {
  kDone = 0,
  kNo = 1,           // a clear no: not found, not valid, there already
  kUsage = 2,        // wrong usage
  kStoreFailed = 3,  // the store, or writing what was asked for
};

// A bad line of an import, or of a list of ids.
struct BadLine {
  std::size_t line = 0;  // 0: it was an argument
  std::string text;
};

struct Outcome {
  int status = kDone;
  std::string error;               // one sentence without a final stop; empty: nothing to say
  std::vector<BadLine> bad_lines;  // shown before it, in the order of the lines; not all, where there are very many
  std::size_t bad_line_count = 0;  // of all lines that are bad

  const char *bad_unit = "line";  // or what else they are

  bool reader_left = false;  // nothing is wrong but that nobody reads the output any more

  bool ok() const noexcept { return status == kDone; }
};

inline Outcome done() { return {}; }
inline Outcome no(std::string error) { return {kNo, std::move(error), {}, 0}; }
inline Outcome wrong_usage(std::string error) { return {kUsage, std::move(error), {}, 0}; }
inline Outcome store_failed(std::string error) { return {kStoreFailed, std::move(error), {}, 0}; }

// What the store answered, as the command's end: found nothing and "exists" are a no, all else has failed.
Outcome from_store(const StoreStatus &status);

}  // namespace keyward::cli
