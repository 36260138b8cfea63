// What a request is made of, piece by piece, by Google Benchmark. `make bench ONE=pieces` runs it.
#include <benchmark/benchmark.h>
#include <sys/mman.h>
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "auth/principal.hpp"
#include "auth/principal_cache.hpp"
#include "base/base62.hpp"
#include "base/digest.hpp"
#include "base/digits.hpp"
#include "base/networks.hpp"
#include "key/key_format.hpp"
#include "limit/held_places.hpp"
#include "limit/paid_credits.hpp"
#include "limit/zone.hpp"
#include "store/transactions/writer.hpp"

namespace keyward {
namespace {

constexpr std::int64_t kNow_s = 1'800'000'000;
constexpr std::uint64_t kNow_ms = 1'000'000;
constexpr std::size_t kMany = 4096;  // a power of two

[[noreturn]] void give_up(const std::string &what) {
  std::fprintf(stderr, "pieces: %s\n", what.c_str());
  std::exit(1);
}

void expect(const StoreStatus &status) {
  if (!status.ok()) {
    give_up(status.text);
  }
}

// The same for the same number, spread as digests are.
Digest digest_of(std::size_t number) {
  static const DigestKey kKey = {};
  return keyed_digest(kKey, std::to_string(number));
}

Sha256 sha_of(std::size_t number) { return sha256("key number " + std::to_string(number)); }

std::vector<Digest> digests(std::size_t count) {
  std::vector<Digest> all(count);
  for (std::size_t i = 0; i < count; ++i) {
    all[i] = digest_of(i);
  }
  return all;
}

// Digests.

void sha256_of_a_key(benchmark::State &state) {
  const std::string key = default_key_format().mint();
  for (auto _ : state) {
    benchmark::DoNotOptimize(sha256(key));
  }
}
BENCHMARK(sha256_of_a_key);

void keyed_digest_of_a_key(benchmark::State &state) {
  const std::string key = default_key_format().mint();
  const auto secret = random_bytes<16>();
  for (auto _ : state) {
    benchmark::DoNotOptimize(keyed_digest(secret, key));
  }
}
BENCHMARK(keyed_digest_of_a_key);

void sha256_compared_in_constant_time(benchmark::State &state) {
  const Sha256 a = sha_of(1);
  Sha256 b = a;
  for (auto _ : state) {
    benchmark::DoNotOptimize(b.data());
    benchmark::DoNotOptimize(equal_constant_time(a.data(), b.data(), a.size()));
  }
}
BENCHMARK(sha256_compared_in_constant_time);

// Key formats.

void checksum_of_a_key(benchmark::State &state) {
  const std::string key = default_key_format().mint().substr(0, 46);
  std::array<char, kChecksumLength> sum;
  for (auto _ : state) {
    checksum_of(key, sum.data());
    benchmark::DoNotOptimize(sum);
  }
}
BENCHMARK(checksum_of_a_key);

void format_recognises_a_key(benchmark::State &state) {
  const std::string key = default_key_format().mint();
  for (auto _ : state) {
    benchmark::DoNotOptimize(default_key_format().matches(key));
  }
}
BENCHMARK(format_recognises_a_key);

void base62_of_a_number(benchmark::State &state) {
  std::uint64_t number = 0x1234'5678'9abc'def0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(to_base62(++number, 11));
  }
}
BENCHMARK(base62_of_a_number);

void random_base62_of_a_key(benchmark::State &state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(random_base62(43));
  }
}
BENCHMARK(random_base62_of_a_key);

// The worker's cache of principals.

void principal_cache_finds(benchmark::State &state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const std::vector<Digest> names = digests(count);
  const Generation generation{1, 1};
  auto principal = std::make_shared<Principal>();
  principal->stands_until_s = INT64_MAX;
  PrincipalCache cache(16384, 32U << 20);
  for (const Digest &name : names) {
    cache.put(name, generation, kNow_s, principal);
  }
  std::size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(cache.find(names[i++ & (count - 1)], generation, kNow_s));
  }
}
BENCHMARK(principal_cache_finds)->Arg(1)->Arg(kMany);

void principal_cache_misses(benchmark::State &state) {
  const std::vector<Digest> names = digests(kMany);
  PrincipalCache cache(16384, 32U << 20);
  std::size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(cache.find(names[i++ & (kMany - 1)], Generation{1, 1}, kNow_s));
  }
}
BENCHMARK(principal_cache_misses);

// The store, in a folder that goes away.

class TemporaryStore {
 public:
  explicit TemporaryStore(std::size_t keys) {
    std::string path = (std::filesystem::temp_directory_path() / "keyward-pieces-XXXXXX").string();
    if (mkdtemp(path.data()) == nullptr) {
      give_up("can't make a folder in " + std::filesystem::temp_directory_path().string());
    }
    folder_ = path;
    expect(init_store(store(), {}));
    CredentialWriter writer;
    expect(writer.open(store()));
    for (std::size_t done = 0; done < keys; done += kChunk) {
      expect(writer.run(kWaitMs, Author::worker(), [&](WriteTxn &txn) {
        StoreStatus status;
        for (std::size_t n = done; status.ok() && n < std::min(keys, done + kChunk); ++n) {
          status = txn.add_key(record(n));
        }
        return status;
      }));
    }
  }
  ~TemporaryStore() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  TemporaryStore(const TemporaryStore &) = delete;
  TemporaryStore &operator=(const TemporaryStore &) = delete;

  std::string store() const { return folder_ + "/store"; }

 private:
  static constexpr std::size_t kChunk = 10000;

  static KeyRecord record(std::size_t number) {
    KeyRecord record;
    record.id = "key_" + std::to_string(1'000'000'000 + number);
    record.verifier_kind = VerifierKind::sha256;
    record.verifier = view_of(sha_of(number));
    record.indexed = true;
    record.locator = locator_of(sha_of(number));
    record.subject = "acme";
    record.plan = "pro";
    record.created_at_s = kNow_s;
    return record;
  }

  std::string folder_;
};

// Made once for each size: Google Benchmark calls a function several times.
CredentialReader &reader_of(std::size_t keys) {
  struct Opened {
    explicit Opened(std::size_t count) : size(count), files(count) { expect(reader.open(files.store())); }
    std::size_t size;
    TemporaryStore files;
    CredentialReader reader;
  };
  static std::unique_ptr<Opened> opened;
  if (!opened || opened->size != keys) {
    opened.reset();
    opened = std::make_unique<Opened>(keys);
  }
  return opened->reader;
}

void store_snapshot(benchmark::State &state) {
  CredentialReader &reader = reader_of(1000);
  for (auto _ : state) {
    expect(reader.begin());
    benchmark::DoNotOptimize(reader.generation());
    reader.end();
  }
}
BENCHMARK(store_snapshot);

void store_lookup(benchmark::State &state) {
  const auto keys = static_cast<std::size_t>(state.range(0));
  CredentialReader &reader = reader_of(keys);
  std::vector<Locator> locators(kMany);
  for (std::size_t i = 0; i < kMany; ++i) {
    locators[i] = locator_of(sha_of(i * 7919 % keys));
  }
  std::size_t i = 0;
  for (auto _ : state) {
    expect(reader.begin());
    CredentialReader::FoundKey found;
    if (reader.find_key(locators[i++ & (kMany - 1)], &found) != StoreCode::ok) {
      give_up("a key isn't there");
    }
    benchmark::DoNotOptimize(found);
    reader.end();
  }
}
BENCHMARK(store_lookup)->Arg(1000)->Arg(100'000);

void store_lookup_of_nobody(benchmark::State &state) {
  CredentialReader &reader = reader_of(100'000);
  std::size_t i = 0;
  const std::vector<Digest> names = digests(kMany);
  for (auto _ : state) {
    expect(reader.begin());
    CredentialReader::FoundKey found;
    benchmark::DoNotOptimize(reader.find_key(names[i++ & (kMany - 1)], &found));
    reader.end();
  }
}
BENCHMARK(store_lookup_of_nobody);

// The zone: limits, proofs, use counts. Its pages are shared, as nginx's are, and live as long as the process.

Zone &zone() {
  static Zone the_zone = [] {
    constexpr std::size_t kBytes = std::size_t{16} << 20;
    void *memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    Zone made;
    if (memory == MAP_FAILED || !Zone::create(memory, kBytes, &made)) {
      give_up("there is no memory for a zone");
    }
    return made;
  }();
  return the_zone;
}

Charge charge_of(const Digest &name) {
  Charge charge;
  charge.name = name;
  charge.limit_name = 1;
  charge.rate = {100'000'000, 3600};
  return charge;
}

// Counters in turn: 1 is the worst for two threads, which then change the same word.
void limiter_charges(benchmark::State &state) {
  const auto counters = static_cast<std::size_t>(state.range(0));
  std::vector<Charge> charges;
  for (std::size_t i = 0; i < counters; ++i) {
    charges.push_back(charge_of(digest_of(i)));
  }
  // Threads begin in different places, as workers do.
  std::size_t i = static_cast<std::size_t>(state.thread_index()) * counters / 2;
  for (auto _ : state) {
    benchmark::DoNotOptimize(zone().principals->charge(charges[i++ & (counters - 1)], kNow_ms));
  }
}
BENCHMARK(limiter_charges)->Arg(1)->Arg(kMany)->Threads(1)->UseRealTime();
BENCHMARK(limiter_charges)->Arg(1)->Arg(kMany)->Threads(2)->UseRealTime();

// The same, and credits of the same principal as a request pays them: to be compared with the row before.
void limiter_charges_and_credits_are_taken(benchmark::State &state) {
  constexpr std::size_t kBytes = std::size_t{16} << 20;
  static void *memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  static CreditTable *table = memory != MAP_FAILED ? CreditTable::create(memory, kBytes) : nullptr;
  if (table == nullptr) {
    give_up("there is no memory for balances");
  }
  table->set_loaded(kNow_ms);
  const auto counters = static_cast<std::size_t>(state.range(0));
  std::vector<Charge> charges;
  for (std::size_t i = 0; i < counters; ++i) {
    charges.push_back(charge_of(digest_of(i)));
  }
  CreditCharge ask;
  ask.terms.allowance = {kMaxCredits, 30 * 86400};
  ask.cost = 1;
  ask.now_s = kNow_s;
  std::size_t i = static_cast<std::size_t>(state.thread_index()) * counters / 2;
  for (auto _ : state) {
    const Charge &charge = charges[i++ & (counters - 1)];
    benchmark::DoNotOptimize(zone().principals->charge(charge, kNow_ms));
    ask.account = charge.name;
    PaidCredits paid;
    paid.note_paid(table, ask.account, table->charge(ask, kNow_ms).paid, {1, 0, 0});
    paid.settle();  // whose outcome gives nothing back
  }
}
BENCHMARK(limiter_charges_and_credits_are_taken)->Arg(1)->Arg(kMany)->Threads(1)->UseRealTime();
BENCHMARK(limiter_charges_and_credits_are_taken)->Arg(1)->Arg(kMany)->Threads(2)->UseRealTime();

// A place of so many at once, taken and given back.
void concurrency_place(benchmark::State &state) {
  constexpr std::size_t kBytes = std::size_t{4} << 20;
  static void *memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  static ConcurrencyTable *table = memory != MAP_FAILED ? ConcurrencyTable::create(memory, kBytes) : nullptr;
  if (table == nullptr) {
    give_up("there is no memory for places");
  }
  const auto counters = static_cast<std::size_t>(state.range(0));
  const std::vector<Digest> names = digests(counters);
  const ConcurrencyTable::Member member = table->join();
  std::size_t i = static_cast<std::size_t>(state.thread_index()) * counters / 2;
  for (auto _ : state) {
    HeldPlaces held;
    benchmark::DoNotOptimize(held.take(table, member, names[i++ & (counters - 1)], 1000));
  }
}
BENCHMARK(concurrency_place)->Arg(1)->Arg(kMany)->Threads(1)->UseRealTime();
BENCHMARK(concurrency_place)->Arg(1)->Arg(kMany)->Threads(2)->UseRealTime();

void proof_is_found(benchmark::State &state) {
  KeySlots &slots = *zone().keys;
  const std::vector<Digest> names = digests(kMany);
  std::vector<Sha256> shas;
  for (std::size_t i = 0; i < kMany; ++i) {
    shas.push_back(sha_of(i));
    slots.remember(names[i], shas[i], digest_of(1));
  }
  const Digest tag = digest_of(1);
  std::size_t i = 0;
  for (auto _ : state) {
    const std::size_t n = i++ & (kMany - 1);
    benchmark::DoNotOptimize(slots.proven(names[n], shas[n], tag, kNow_s));
  }
}
BENCHMARK(proof_is_found);

void use_is_counted(benchmark::State &state) {
  KeySlots &slots = *zone().keys;
  const std::vector<Digest> names = digests(kMany);
  std::size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(slots.count_use(names[i++ & (kMany - 1)], kNow_s));
  }
}
BENCHMARK(use_is_counted);

// Header fields. Pushing them to nginx's lists can't be done without nginx: see the section `instructions`.

void limit_fields_as_text(benchmark::State &state) {
  std::array<char, kMaxDigits> text;
  std::uint64_t remaining = 100'000'000;
  for (auto _ : state) {
    for (const std::uint64_t number : {std::uint64_t{100'000'000}, --remaining, std::uint64_t{1'795'315'260}}) {
      benchmark::DoNotOptimize(write_digits_before(text.data() + text.size(), number));
      benchmark::ClobberMemory();
    }
  }
}
BENCHMARK(limit_fields_as_text);

void scope_is_covered(benchmark::State &state) {
  const Grants grants("posts:read posts:write users:*", {});
  for (auto _ : state) {
    benchmark::DoNotOptimize(grants.covers("users:read"));
  }
}
BENCHMARK(scope_is_covered);

// A key with allow_from, of as many networks.
void address_is_looked_up(benchmark::State &state) {
  std::vector<Network> networks;
  std::string error, packed, address;
  const bool is_ipv6 = state.range(0) == 6;
  for (int i = 0; i < 100; ++i) {
    const std::string number = std::to_string(2 * i + 1);
    parse_network(is_ipv6 ? "2001:db8:" + number + "::/48" : "10." + number + ".0.0/16", &networks.emplace_back(),
                  &error);
  }
  if (!pack_networks(networks, &packed)) {
    give_up(error);
  }
  std::vector<std::string> addresses(256);
  for (int i = 0; i < 256; ++i) {
    const std::string number = std::to_string(i);
    parse_address(is_ipv6 ? "2001:db8:" + number + "::7" : "10." + number + ".0.7",
                  &addresses[static_cast<std::size_t>(i)]);
  }
  std::size_t at = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(hold_address(packed, addresses[at++ % 256]));
  }
}
BENCHMARK(address_is_looked_up)->Arg(4)->Arg(6);

}  // namespace
}  // namespace keyward

int main(int argc, char **argv) {
  if (!keyward::init_crypto()) {
    std::fprintf(stderr, "pieces: libsodium can't be used\n");
    return 1;
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) {
    return 2;
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
