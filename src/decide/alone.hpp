// A decision without a server, for the command: the same steps, in memory of its own, with nothing remembered from
// before.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "decide/deciding.hpp"

namespace keyward {

// What it is made by. All of it outlives the object.
struct Rules {
  const Policy &policy;
  const KeyFormats &formats;
  const TokenIssuers &issuers;
  const IssuerList &every_issuer;
};

// Demands nothing: no scopes, no limits. Verifiers run at once; nothing is fetched or written.
class LoneDecision {
 public:
  // store: nullptr where there is none to ask.
  LoneDecision(const Rules &rules, CredentialReader *store);
  ~LoneDecision();
  LoneDecision(const LoneDecision &) = delete;
  LoneDecision &operator=(const LoneDecision &) = delete;

  // What requests are told that bring this credential, from this address (base/networks.hpp; empty: from none that is
  // known), where keys and these issuers are accepted (nullptr: no tokens).
  Outcome ask(std::string_view text, const Accepted &accepted, std::int64_t now_s, std::string_view address = {});

  // Of the last question: why the store could not be read (ok: it could), and whether a verifier could not run for want
  // of memory.
  const StoreStatus &store_trouble() const noexcept;
  bool verifier_failed() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace keyward
