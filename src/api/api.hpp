// The keys API: a request as plain values in, an answer as a value out. Runs in a thread, as it writes to the store, waits
// for its lock and mints keys; what it may do to a key stands in keys/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/shape.hpp"
#include "auth/principal.hpp"
#include "auth/reason.hpp"
#include "decide/demand.hpp"
#include "keys/caller.hpp"
#include "limit/zone.hpp"
#include "store/transactions/writer.hpp"

namespace keyward::api {

// A request that was admitted, as copies of all it needs.
struct Call {
  std::string method;
  std::string place;  // the location's name, without a slash at its end: "/v1/keys"
  std::string path;   // what stands behind that, decoded: "", "/", "/ID"
  std::string query;  // as it was sent
  std::string content_type, if_match, idempotency_key;
  std::string body;
  std::shared_ptr<const Principal> who;  // a key or a token
  keys::CallersToken token;              // of a token
  std::string address;                   // the client's, for the journal; empty: a local socket's
  std::int64_t now_s = 0;
  std::uint64_t now_ms = 0;  // the clock of the windows

  Call() = default;
  Call(Call &&) = default;
  Call &operator=(Call &&) = default;
  ~Call();  // wipes what may hold a secret
};

// What to answer. Of a refusal: why, in a sentence that may be shown, and the id of the key that is in the way.
struct Reply {
  std::uint16_t status = 200;
  Reason reason = Reason::none;
  std::string detail, id;
  std::uint32_t retry_after_s = 0;
  std::vector<std::pair<std::string_view, std::string>> fields;  // names are literals
  std::string body;                                              // JSON; may hold a key

  Reply() = default;
  Reply(Reply &&) = default;
  Reply &operator=(Reply &&) = default;
  ~Reply();
};
Reply refusal(Reason reason, std::string detail = {});

// What one worker has for it. Lives as long as the worker's threads.
struct Service {
  const Policy &policy;
  CredentialWriter &writer;
  // What is known of a key's use. Called in a thread.
  std::function<UsageRecord(const Digest &usage_name)> usage;
  const Zone &zone;
  std::size_t bcrypt_places = 1;            // of the gate that all workers share
  std::function<bool()> is_closing;         // the worker ends: nothing slow is begun any more
  std::vector<ConfiguredLimit> own_limits;  // each that keyward_limit plan counts, for what is left of them
};

// format: in which keys are minted here.
Reply serve(const Service &service, const Shape &shape, const KeyFormat &format, const Call &call);

}  // namespace keyward::api
