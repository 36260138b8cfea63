// A zone in memory of its own, and a background that does at once what it is asked for.
#include "decide/alone.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <string>

#include "decide/decide.hpp"
#include "key/hash_verifier.hpp"

namespace keyward {
namespace {

constexpr std::size_t kLine = 64;

class NoDemand final : public Place {
 public:
  bool collect(Demand *) override { return true; }
  void collect_failure_limits(LimitDemands *) noexcept override {}
  HeldPlaces *held_places() noexcept override { return nullptr; }
  PaidCredits *paid_credits() noexcept override { return nullptr; }
  Repeatable repeatable() noexcept override { return {}; }
};

class AtOnce final : public Background {
 public:
  // Kept until the decision has let go of its snapshot of the store: bcrypt takes its time.
  bool verify(const VerifierRun &run) override {
    key = run.key;
    kind = run.kind;
    hash = run.hash;
    tag = run.tag;
    return true;
  }
  bool check_signature(SignatureRun) override { return false; }  // not asked: see SignatureBudget::unlimited()
  void refile(std::string_view, const Digest &, const Digest &, const Sha256 &) override {}
  KeysAwaited await_keys(const std::vector<std::size_t> &) override { return {Reason::keys_unavailable, 0}; }
  void want_keys(const std::vector<std::size_t> &) override {}
  void note_store(const StoreStatus &status) noexcept override { store = status; }
  void note_overflow(std::string_view) noexcept override {}
  void note_no_place() noexcept override {}
  void note_no_credits(CreditResult::Outcome) noexcept override {}

  std::string_view key;
  VerifierKind kind = VerifierKind::bcrypt;
  std::string hash;
  Digest tag = {};
  StoreStatus store;
};

struct Free {
  void operator()(void *memory) const noexcept { std::free(memory); }
};

}  // namespace

struct LoneDecision::State {
  State(const Rules &by, CredentialReader *from)
      : rules(by), store(from), memory(std::aligned_alloc(kLine, kMinZoneBytes)) {
    if (memory == nullptr) {
      throw std::bad_alloc();
    }
    std::fill_n(static_cast<char *>(memory.get()), kMinZoneBytes, '\0');
    Zone::create(memory.get(), kMinZoneBytes, &zone);
  }

  Rules rules;
  CredentialReader *store;
  std::unique_ptr<void, Free> memory;
  Zone zone;
  PrincipalCache principals{1, 0};
  TokenCache tokens{1, 0};
  SignatureBudget signatures = SignatureBudget::unlimited();
  AtOnce background;
  bool verifier_failed = false;
};

LoneDecision::LoneDecision(const Rules &rules, CredentialReader *store)
    : state_(std::make_unique<State>(rules, store)) {}

LoneDecision::~LoneDecision() = default;

const StoreStatus &LoneDecision::store_trouble() const noexcept { return state_->background.store; }
bool LoneDecision::verifier_failed() const noexcept { return state_->verifier_failed; }

Outcome LoneDecision::ask(std::string_view text, const Accepted &accepted, std::int64_t now_s,
                          std::string_view address) {
  State &my = *state_;
  my.background.store = {};
  my.verifier_failed = false;
  Question asked;
  asked.accepted = accepted;
  asked.credential = classify(text, {&my.rules.formats, &my.rules.every_issuer, my.store != nullptr}, accepted);
  asked.address = address;
  asked.now_s = now_s;
  const Resources with{my.rules.policy, my.rules.formats, my.store,
                       my.zone,         my.principals,    my.tokens,
                       my.signatures,   my.rules.issuers, my.rules.every_issuer};
  NoDemand place;
  RequestState state;
  for (;;) {
    Outcome outcome;
    if (decide({with, asked, place, my.background, state, outcome})) {
      return outcome;
    }
    const Match match = slow_matches(my.background.kind, my.background.key, my.background.hash);
    state.wait_failed = my.verifier_failed = match == Match::failed;
    if (match != Match::failed) {
      state.verifying->add(my.background.tag, match == Match::yes);
    }
  }
}

}  // namespace keyward
