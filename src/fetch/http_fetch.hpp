// One GET of a small document by libcurl, with every cap that a key set's fetch has.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "fetch/fetch_problem.hpp"
#include "fetch/url.hpp"

namespace keyward {

struct FetchRequest {
  Url url;
  std::shared_ptr<const std::string> ca;  // certificates in PEM, the only ones that are trusted; nullptr: the system's
  std::size_t most_bytes = 1 << 20;       // of the body
  std::int64_t time_ms = 5000;            // in all, from looking up the name to the last byte
  bool public_only = false;               // connects to nobody but a public address (public_address.hpp)
};

struct FetchAnswer {
  FetchProblem problem = FetchProblem::memory;
  int status = 0;      // of HTTP; 0: none came
  std::string body;    // where problem is none
  std::string detail;  // libcurl's own words where it has any: printable, and short
};

// Once in each process, after the fork and before any thread fetches. false if libcurl can't be used.
bool init_fetching() noexcept;

// Asks the host of the URL and nobody else: no redirect is followed, no proxy, user, cookie or .netrc is known. Blocks;
// for a thread. Any number of threads may. Gives up within 50 ms once *stop is true, also while the name is looked up.
FetchAnswer http_get(const FetchRequest &request, const std::atomic<bool> &stop) noexcept;

}  // namespace keyward
