// Fetching an issuer's key set: from its URL, or from where its metadata says.
#pragma once

#include <atomic>

#include "fetch/fetch_source.hpp"

namespace keyward {

// As http_get(), for all that has to be asked together: within one request's time. Of metadata that can't be used, or
// that lead to where nothing may be asked, the detail says why.
FetchAnswer fetch_keys(const FetchSource &source, const std::atomic<bool> &stop) noexcept;

}  // namespace keyward
