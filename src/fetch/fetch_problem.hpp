// Why a key set could not be fetched: one closed list.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace keyward {

enum class FetchProblem : std::uint8_t {
  none,
  aborted,  // by us: this process comes to its end
  memory,   // or libcurl could not be set up
  resolve,  // no address for the host's name
  connect,  // nobody answers there
  tls,      // the certificate or the handshake
  timeout,  // not done in time
  too_large,
  redirect,    // 3xx, which is never followed
  status,      // any other but 200
  broken,      // the connection or the answer ended too early, or is no HTTP
  unusable,    // no key set, or one without a key that can be used
  encoded,     // compressed, though that was asked not to be
  metadata,    // the provider's are none, or can't be believed
  not_public,  // they lead to a host of this network that nobody here has named
};

// A clause such as "it answers with status 500". http_status counts for redirect and status.
std::string to_text(FetchProblem problem, int http_status);

}  // namespace keyward
