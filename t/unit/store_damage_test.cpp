// Bits that flip in the store. LMDB has no checksums: 20 random bytes, overwritten 200 times, gave 92 crashes, 72 wrong
// values and 26 errors. Ours may crash with it, but no record may ever come back as anything but what was written under
// its name.
#include <map>
#include <random>

#include "store/transactions/writer.hpp"
#include "store_fixture.hpp"

namespace keyward::test {
namespace {

class StoreDamage : public StoreTest {
 protected:
  StoreDamage() : StoreTest(true) {}

  // In each round 20 bytes are damaged, every second one by a single bit. `make check` takes the whole hundred
  // thousand.
  static constexpr int kEach = 20;
  static int rounds() { return (std::getenv("KEYWARD_THOROUGH") != nullptr ? 200000 : 8000) / kEach; }
  static constexpr int kKeys = 150;
  static constexpr int kWrong = 77;

  static KeyRecord key(int n) {
    KeyRecord record = n % 3 == 0   ? sha256_key(n)
                       : n % 3 == 1 ? bcrypt_key(n)
                                    : legacy_key(n, "prefix" + std::to_string(n % 5));
    record.state = n % 2 == 0 ? KeyState::active : KeyState::revoked;
    return record;
  }
  void fill() {
    std::vector<KeyRecord> records;
    for (int n = 0; n < kKeys; ++n) {
      records.push_back(key(n));
      by_id_[id_of(n)] = encode(key(n));
    }
    CredentialWriter writer;
    ASSERT_STORE_OK(writer.open(store_));
    ASSERT_STORE_OK(writer.run(0, kTester, [&](WriteTxn &txn) {
      StoreStatus status = add_all(txn, records);
      for (int n = 0; status.ok() && n < 20; ++n) {
        SubjectRecord subject;
        subject.subject = "user_" + std::to_string(n);
        subject.plan = "plan_" + std::to_string(n);
        subject.state = n % 2 == 0 ? SubjectState::active : SubjectState::blocked;
        PlanRecord plan;
        plan.name = subject.plan;
        plan.max_keys = static_cast<std::uint32_t>(n);
        plan.has_max_keys = true;
        status = txn.put_subject(subject);
        status = status.ok() ? txn.put_plan(plan) : status;
      }
      return status;
    }));
  }

  bool as_written(const CredentialReader::FoundKey &found) const {
    const auto written = by_id_.find(std::string(found.id));
    return written != by_id_.end() && written->second == encode(to_record(found.id, found.key));
  }
  // Reads all that there is in every way that there is. kWrong if anything is what it never was.
  int read_everything() const {
    CredentialReader reader;
    if (!reader.open(store_).ok() || !reader.begin().ok()) {
      return 0;
    }
    bool right = true;
    CredentialReader::FoundKey found;
    for (int n = 0; n < kKeys; ++n) {
      if (reader.find_key(locator(n), &found) == StoreCode::ok) {
        right = right && found.id == id_of(n) && as_written(found);
      }
      if (reader.find_key_by_id(id_of(n), &found) == StoreCode::ok) {
        right = right && found.id == id_of(n) && as_written(found);
      }
    }
    for (int n = kKeys; n < kKeys + 50; ++n) {
      right = right && reader.find_key(locator(n), &found) != StoreCode::ok;
    }
    const auto key_is_right = [&](const CredentialReader::FoundKey &at) {
      right = right && as_written(at);
      return true;
    };
    reader.for_each_key({}, key_is_right, nullptr);
    for (int n = 0; n < 20; ++n) {
      const std::string subject = "user_" + std::to_string(n), plan = "plan_" + std::to_string(n);
      reader.for_each_key_of(
          subject,
          [&](const CredentialReader::FoundKey &at) {
            right = right && at.key.subject == subject;
            return key_is_right(at);
          },
          nullptr);
      SubjectView subject_view;
      if (reader.find_subject(subject, &subject_view) == StoreCode::ok) {
        right = right && subject_view.plan == plan && (subject_view.state == SubjectState::active) == (n % 2 == 0);
      }
      PlanView plan_view;
      if (reader.find_plan(plan, &plan_view) == StoreCode::ok) {
        right = right && plan_view.max_keys == static_cast<std::uint32_t>(n);
      }
    }
    for (int n = 0; n < 5; ++n) {
      reader.for_each_candidate("prefix" + std::to_string(n), key_is_right);
    }
    reader.legacy_prefix_lengths();
    return right ? 0 : kWrong;
  }

  std::map<std::string, std::string> by_id_;
};

TEST_F(StoreDamage, NoFlippedBitMakesAnotherIdentity) {
  ASSERT_NO_FATAL_FAILURE(fill());
  ASSERT_EQ(0, in_child([this] { return read_everything(); }));
  const std::string whole = read_file(data_file());
  std::mt19937 random(35);
  int crashed = 0;
  for (int round = 0; round < rounds(); ++round) {
    std::string damaged = whole;
    for (int i = 0; i < kEach; ++i) {
      char &byte = damaged[random() % damaged.size()];
      byte = round % 2 == 0 ? static_cast<char>(random()) : static_cast<char>(byte ^ (1 << random() % 8));
    }
    write_file(data_file(), damaged);
    std::remove(lock_mdb().c_str());
    const int code = in_child([this] {
      alarm(10);
      return read_everything();
    });
    ASSERT_NE(kWrong, code) << round;
    ASSERT_NE(1000 + SIGALRM, code) << round;
    crashed += code >= 1000 ? 1 : 0;
  }
  RecordProperty("crashed", crashed);
}

// Whole pages in each other's places are records with good checksums in the wrong places.
TEST_F(StoreDamage, NoSwappedPageMakesAnotherIdentity) {
  ASSERT_NO_FATAL_FAILURE(fill());
  const std::string whole = read_file(data_file());
  const std::size_t pages = whole.size() / 4096;
  std::mt19937 random(36);
  for (int round = 0; round < 100; ++round) {
    std::string damaged = whole;
    const std::size_t from = 2 + random() % (pages - 2), to = 2 + random() % (pages - 2);
    // Without the page's own number in its header, which LMDB would notice.
    damaged.replace(to * 4096 + 8, 4088, whole, from * 4096 + 8, 4088);
    write_file(data_file(), damaged);
    std::remove(lock_mdb().c_str());
    const int code = in_child([this] {
      alarm(10);
      return read_everything();
    });
    ASSERT_NE(kWrong, code) << round;
    ASSERT_NE(1000 + SIGALRM, code) << round;
  }
}

}  // namespace
}  // namespace keyward::test
