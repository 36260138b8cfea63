// What a decision is made with: what a process has, what is asked, and what it can have done elsewhere meanwhile.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "auth/principal.hpp"
#include "auth/principal_cache.hpp"
#include "auth/shared_subjects.hpp"
#include "auth/token_cache.hpp"
#include "decide/credential.hpp"
#include "decide/demand.hpp"
#include "decide/outcome.hpp"
#include "decide/request_state.hpp"
#include "decide/signature_budget.hpp"
#include "jwt/issuer.hpp"
#include "jwt/key_set.hpp"
#include "jwt/verify.hpp"
#include "limit/zone.hpp"
#include "store/transactions/reader.hpp"

namespace keyward {

// The configured issuers, by their places, and the keys that they have at this moment.
class TokenIssuers {
 public:
  virtual ~TokenIssuers() = default;

  virtual const jwt::Issuer &rules(std::size_t place) const noexcept = 0;
  virtual const SharedSubjects &shared_subjects(std::size_t place) const noexcept = 0;
  virtual const std::shared_ptr<const jwt::KeySet> &keys(std::size_t place) const noexcept = 0;  // nullptr: none yet
  // jwt::AcceptedIssuer: where a key set is fetched from (empty: it isn't), and when this one was.
  virtual std::string_view fetched_from(std::size_t place) const noexcept = 0;
  virtual std::int64_t fetched_at_s(std::size_t place, std::int64_t now_s) const noexcept = 0;
  // Rises whenever any set becomes another.
  virtual std::uint64_t changes() const noexcept = 0;
};

// What one process has.
struct Resources {
  const Policy &policy;
  const KeyFormats &formats;
  CredentialReader *store;  // nullptr: none is configured
  Zone &zone;
  PrincipalCache &principals;
  TokenCache &tokens;
  SignatureBudget &signatures;
  const TokenIssuers &issuers;
  const IssuerList &every_issuer;
};

// What is asked.
struct Question {
  Accepted accepted;
  Credential credential;      // as classify() left it; without text: nothing was presented
  bool is_preflight = false;  // a CORS preflight, where these are accepted
  // The client's, as base/networks.hpp has it: 4 or 16 bytes; without any: a local socket's.
  std::string_view address;
  // Who that is, for counting: IPv4 whole, IPv6 as /64; all of a local socket's clients are one.
  std::string_view counted_address() const noexcept {
    return address.empty() ? std::string_view("unix") : address.substr(0, 8);
  }
  std::int64_t now_s = 0;    // the wall clock
  std::uint64_t now_ms = 0;  // the clock of the windows (limit/windows.hpp)
};

// A run of a verifier; views are good during the call.
struct VerifierRun {
  std::string_view key;  // the whole credential
  Sha256 sha = {};
  VerifierKind kind = VerifierKind::bcrypt;
  std::string_view hash;   // the record's verifier, a slow one
  Digest tag = {};         // the record's seal
  Digest usage_name = {};  // the record's, for the shared proof
  // Runs of one name are one run. For plain prefixes the name is the prefix's, so that there is one at a time.
  Digest name = {};
  // One of those that a plain prefix names, which anybody can have run: it has a small queue of its own and a small
  // share of the gate, and under one name only the same key may wait for a run; another is busy.
  bool candidate = false;
};

// A token whose signature is to be looked at in a thread; views are good during the call.
struct SignatureRun {
  Digest name = {};  // TokenCache::name_of(): with the list of issuers, what a run is known by
  const IssuerList *list = nullptr;
  std::string_view token;
  std::vector<jwt::AcceptedIssuer> accepted;
  std::vector<std::shared_ptr<const jwt::KeySet>> key_sets;  // that `accepted` names
  std::int64_t now_s = 0;
  bool suspect = false;  // others come first
};

// How a wait for keys began.
struct KeysAwaited {
  Conclusion conclusion;  // kWaits; or invalid_token where none of the new sets knows the key; or keys_unavailable
  std::uint32_t retry_after_s = 0;  // of the last
};

// What takes time, and is done elsewhere meanwhile. Each call is about the request that is being decided.
class Background {
 public:
  virtual ~Background() = default;

  // Runs a verifier; the answer goes to RequestState::verifying. true: the request waits for it. false: too many do.
  virtual bool verify(const VerifierRun &run) = 0;
  // Looks at signatures; what comes of it goes to RequestState::checked. true: the request waits for it. false: too many
  // do.
  virtual bool check_signature(SignatureRun run) = 0;
  // Files a key under its SHA-256 that was found by its plain prefix or another digest, where its record is still the
  // one with this seal.
  virtual void refile(std::string_view id, const Digest &usage_name, const Digest &tag, const Sha256 &sha) = 0;
  // For a token that may be good by the next sets of these issuers (jwt::Verdict::awaited).
  virtual KeysAwaited await_keys(const std::vector<std::size_t> &issuers) = 0;
  // For a token whose key these issuers' sets should have (jwt::Verdict::late): begins to fetch them; nobody waits.
  virtual void want_keys(const std::vector<std::size_t> &issuers) = 0;
  // What the log is told: of a store that can't be read, and of a limit that had no room for a window of its own.
  virtual void note_store(const StoreStatus &status) noexcept = 0;
  virtual void note_overflow(std::string_view limit) noexcept = 0;
  // And where places of so many at once couldn't be counted.
  virtual void note_no_place() noexcept = 0;
  // And where no credits could be taken.
  virtual void note_no_credits(CreditResult::Outcome outcome) noexcept = 0;
};

// One decision on its way: what its steps share.
struct Case {
  const Resources &with;
  const Question &asked;
  Place &place;
  Background &background;
  RequestState &state;
  Outcome &outcome;
};

}  // namespace keyward
