// A decision without a server: a store, a zone, caches, and a place and a background that tests can look into.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "decide/decide.hpp"
#include "key/verifier.hpp"
#include "shared_memory.hpp"
#include "store_fixture.hpp"

namespace keyward::test {

// Demands what a test says.
class FakePlace final : public Place {
 public:
  bool collect(Demand *demand) override {
    demand->has_scope_rules = has_scope_rules;
    demand->uncovered = uncovered;
    demand->tells_all_scopes = tells_all_scopes;
    demand->scopes = scopes.data();
    demand->scope_count = scopes.size();
    demand->requirements = requirements.data();
    demand->requirement_count = requirements.size();
    for (const ConfiguredLimit &terms : limits) {
      *demand->limits.push() = {&terms, terms.cost, who};
    }
    return !fails;
  }
  void collect_failure_limits(LimitDemands *list) noexcept override {
    for (const ConfiguredLimit &terms : failure_limits) {
      *list->push() = {&terms, terms.cost, {}};
    }
  }

  HeldPlaces *held_places() noexcept override { return held.get(); }
  PaidCredits *paid_credits() noexcept override { return paid.get(); }
  Repeatable repeatable() noexcept override { return request; }

  bool has_scope_rules = false, fails = false, tells_all_scopes = false;
  Reason uncovered = Reason::method_not_covered;
  std::unique_ptr<HeldPlaces> held = std::make_unique<HeldPlaces>();
  std::unique_ptr<PaidCredits> paid = std::make_unique<PaidCredits>();
  Repeatable request{"GET", "/", {}};
  std::vector<ScopeDemand> scopes;
  std::vector<RequirementDemand> requirements;
  std::vector<ConfiguredLimit> limits, failure_limits;
  std::string who;
};

// Notes what it is asked for, and does nothing.
class FakeBackground final : public Background {
 public:
  bool verify(const VerifierRun &run) override {
    runs.push_back({std::string(run.hash), run.tag, run.candidate});
    return !full;
  }
  bool check_signature(SignatureRun run) override {
    signature_runs.push_back({run.name, std::string(run.token), run.suspect});
    last = std::move(run);
    return !full;
  }
  void refile(std::string_view id, const Digest &, const Digest &, const Sha256 &) override {
    refiled.emplace_back(id);
  }
  KeysAwaited await_keys(const std::vector<std::size_t> &issuers) override {
    awaited = issuers;
    return keys;
  }
  void want_keys(const std::vector<std::size_t> &issuers) override {
    wanted.insert(wanted.end(), issuers.begin(), issuers.end());
  }
  void note_store(const StoreStatus &status) noexcept override { store_troubles += status.ok() ? 0 : 1; }
  void note_overflow(std::string_view) noexcept override {}
  void note_no_place() noexcept override { ++no_places; }
  void note_no_credits(CreditResult::Outcome outcome) noexcept override { no_credits.push_back(outcome); }

  struct Run {
    std::string hash;
    Digest tag;
    bool candidate;
  };
  std::vector<Run> runs;
  struct Signature {
    Digest name;
    std::string token;
    bool suspect;
  };
  std::vector<Signature> signature_runs;
  SignatureRun last;
  bool full = false;
  std::vector<std::string> refiled;
  KeysAwaited keys{Reason::keys_unavailable, 7};
  std::vector<std::size_t> awaited, wanted;
  int store_troubles = 0, no_places = 0;
  std::vector<CreditResult::Outcome> no_credits;
};

class FakeIssuers final : public TokenIssuers {
 public:
  struct One {
    jwt::Issuer rules;
    std::shared_ptr<const jwt::KeySet> keys;
    SharedSubjects shared_subjects;
  };

  const jwt::Issuer &rules(std::size_t place) const noexcept override { return all[place].rules; }
  const SharedSubjects &shared_subjects(std::size_t place) const noexcept override {
    return all[place].shared_subjects;
  }
  const std::shared_ptr<const jwt::KeySet> &keys(std::size_t place) const noexcept override { return all[place].keys; }
  std::string_view fetched_from(std::size_t) const noexcept override { return {}; }
  std::int64_t fetched_at_s(std::size_t, std::int64_t) const noexcept override { return jwt::kNeverFetched; }
  std::uint64_t changes() const noexcept override { return 1; }

  std::vector<One> all;
};

class DecideTest : public StoreTest {
 protected:
  static constexpr std::int64_t kNow_s = 1'700'000'000;

  DecideTest() : StoreTest(true), memory_(std::size_t{1} << 20), formats_{default_key_format()} {
    Zone::create(memory_.data(), memory_.size(), &zone_);
    accepted_.key = true;
  }

  void SetUp() override {
    StoreTest::SetUp();
    ASSERT_TRUE(writer_.open(store_).ok());
    reader_ = &writer_.reader();
  }

  // A key of the sha256 kind, which needs no run.
  static KeyRecord record_of(const std::string &key, const std::string &id = "key_a") {
    KeyRecord record;
    record.id = id;
    record.indexed = true;
    record.locator = locator_of(sha256(key));
    record.verifier_kind = VerifierKind::sha256;
    record.verifier = view_of(sha256(key));
    record.name = "a";
    record.created_at_s = kNow_s;
    return record;
  }
  void put(const KeyRecord &record) {
    ASSERT_STORE_OK(writer_.run(1000, Author(), [&](WriteTxn &txn) {
      KeyRecord known;
      return txn.get_key(record.id, &known).ok() ? txn.replace_key(record) : txn.add_key(record);
    }));
  }
  void put(const SubjectRecord &record) {
    ASSERT_STORE_OK(writer_.run(1000, Author(), [&](WriteTxn &txn) { return txn.put_subject(record); }));
  }

  // Decides about a request with this credential (empty: none), as a new decision of the same request.
  Conclusion ask(const std::string &text) {
    text_ = text;
    Question asked;
    asked.accepted = accepted_;
    if (!text.empty()) {
      asked.credential = classify(text_, {&formats_, &every_issuer_, reader_ != nullptr}, accepted_);
    }
    asked.is_preflight = preflight_ && text.empty();
    asked.address = address_;
    asked.now_s = kNow_s;
    asked.now_ms = now_ms_;
    const bool shadow = outcome_.in_shadow;
    outcome_ = Outcome();
    outcome_.in_shadow = shadow;
    outcome_.every_limit = tells_limits_ ? std::make_unique<std::vector<SeenLimit>>() : nullptr;
    const Resources with{policy_, formats_, reader_, zone_, principals_, tokens_, signatures_, issuers_, every_issuer_};
    const Case one{with, asked, place_, background_, *state_, outcome_};
    const Conclusion conclusion = decide(one);
    if (conclusion) {
      EXPECT_EQ(*conclusion, outcome_.reason);
      count_decision(one);
    }
    return conclusion;
  }
  // The same of a new request.
  Conclusion ask_anew(const std::string &text) {
    state_ = std::make_unique<RequestState>();
    return ask(text);
  }
  // What the last run was asked is answered.
  void answer(bool matched) {
    ASSERT_TRUE(state_->verifying);
    state_->verifying->add(background_.runs.back().tag, matched);
  }

  SharedMemory memory_;
  Zone zone_;
  CredentialWriter writer_;
  CredentialReader *reader_ = nullptr;
  PrincipalCache principals_{64, 1U << 20};
  TokenCache tokens_{64, 1U << 20};
  SignatureBudget signatures_ = SignatureBudget::unlimited();
  FakeIssuers issuers_;
  IssuerList every_issuer_;
  Policy policy_;
  KeyFormats formats_;
  FakePlace place_;
  FakeBackground background_;
  Accepted accepted_;
  std::string address_ = "here", text_;
  bool preflight_ = false;
  bool tells_limits_ = false;
  std::uint64_t now_ms_ = 1'000'003;
  std::unique_ptr<RequestState> state_ = std::make_unique<RequestState>();
  Outcome outcome_;
};

}  // namespace keyward::test
