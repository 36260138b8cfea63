// A store in a folder of its own, records to fill it with, and child processes to disturb it.
#pragma once

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/digest.hpp"
#include "store/environment/layout.hpp"
#include "store/transactions/reader.hpp"
#include "store/transactions/writer.hpp"

namespace keyward::test {

inline Author make_tester() {
  Author author;
  author.kind = AuthorKind::command;
  author.command = "key test";
  author.user = "tester";
  author.uid = 1000;
  return author;
}
// Who changes stores in tests.
inline const Author kTester = make_tester();

inline const char kBcryptHash[] = "$2b$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZabcde";

// A folder that goes away with its object. In memory: where many syncs would take their time.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(bool in_memory = false) {
    char memory[] = "/dev/shm/keyward-test-XXXXXX", path[] = "/tmp/keyward-test-XXXXXX";
    const char *made = in_memory ? mkdtemp(memory) : nullptr;
    path_ = made != nullptr ? made : mkdtemp(path);
  }
  ~TemporaryFolder() { remove(path_); }
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;

  const std::string &path() const { return path_; }

 private:
  static void remove(const std::string &path) {
    const std::string command = "rm -rf '" + path + "'";
    if (std::system(command.c_str()) != 0) {
      ADD_FAILURE() << command;
    }
  }
  std::string path_;
};

inline std::string read_file(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// In place: the file stays the same one.
inline void write_file(const std::string &path, const std::string &content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

// A pipe on which processes tell each other that something has happened.
class Signal {
 public:
  Signal() {
    if (pipe(fds_) != 0) {
      std::abort();
    }
  }
  ~Signal() {
    close(fds_[0]);
    close(fds_[1]);
  }
  Signal(const Signal &) = delete;
  Signal &operator=(const Signal &) = delete;

  void give() { EXPECT_EQ(1, write(fds_[1], "x", 1)); }
  void await() {
    char c = 0;
    EXPECT_EQ(1, read(fds_[0], &c, 1));
  }

 private:
  int fds_[2];
};

// A forked process that runs `main` and ends with what that answers. Killed with its object if it is still there.
class Child {
 public:
  explicit Child(const std::function<int()> &main) : pid_(fork()) {
    if (pid_ == 0) {
      // A crash is an answer here, not a report of a sanitizer's.
      for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGILL}) {
        std::signal(number, SIG_DFL);
      }
      const struct rlimit no_core = {0, 0};
      setrlimit(RLIMIT_CORE, &no_core);
      alarm(600);
      _exit(main());
    }
  }
  ~Child() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      wait();
    }
  }
  Child(const Child &) = delete;
  Child &operator=(const Child &) = delete;

  pid_t pid() const { return pid_; }
  // The exit code, or 1000 and the signal's number.
  int wait() {
    int status = 0;
    EXPECT_EQ(pid_, waitpid(pid_, &status, 0));
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }
  void stop() {
    int status = 0;
    kill(pid_, SIGSTOP);
    EXPECT_EQ(pid_, waitpid(pid_, &status, WUNTRACED));
    EXPECT_TRUE(WIFSTOPPED(status));
  }

 private:
  pid_t pid_;
};

inline int in_child(const std::function<int()> &main) { return Child(main).wait(); }

class StoreTest : public ::testing::Test {
 protected:
  explicit StoreTest(bool in_memory = false) : folder_(in_memory), store_(folder_.path() + "/store") { init_crypto(); }

  void SetUp() override { make_store(store_); }

  static void make_store(const std::string &path, std::size_t map_bytes = std::size_t{1} << 24) {
    const StoreStatus status = init_store(path, map_bytes);
    ASSERT_TRUE(status.ok()) << status.text;
  }

  std::string data_file() const { return credentials_folder(store_) + "/data.mdb"; }
  std::string lock_mdb() const { return credentials_folder(store_) + "/lock.mdb"; }

  static Sha256 hash_of(int n) { return sha256("key number " + std::to_string(n)); }
  static Locator locator(int n) { return locator_of(hash_of(n)); }
  static std::string id_of(int n) {
    const std::string digits = std::to_string(n);
    return "key_" + std::string(6 - digits.size(), '0') + digits;
  }

  static KeyRecord bcrypt_key(int n) {
    KeyRecord record;
    record.id = id_of(n);
    record.verifier = kBcryptHash;
    record.indexed = true;
    record.locator = locator(n);
    record.subject = "user_" + std::to_string(n % 10);
    record.name = "number " + std::to_string(n);
    record.created_at_s = 1700000000 + n;
    return record;
  }
  static KeyRecord sha256_key(int n) {
    KeyRecord record = bcrypt_key(n);
    record.verifier_kind = VerifierKind::sha256;
    record.verifier = view_of(hash_of(n));
    return record;
  }
  static KeyRecord legacy_key(int n, const std::string &prefix) {
    KeyRecord record = bcrypt_key(n);
    record.verifier_kind = VerifierKind::legacy_prefix;
    record.indexed = false;
    record.locator = {};
    record.legacy_prefix = prefix;
    return record;
  }

  static StoreStatus add_all(WriteTxn &txn, const std::vector<KeyRecord> &records,
                             const std::function<void(std::size_t)> &progress = nullptr) {
    std::vector<std::string> contents;
    for (const KeyRecord &record : records) {
      contents.push_back(encode(record));
    }
    return txn.add_keys({records.size(), [&](std::size_t i) { return NewKey{records[i].id, contents[i]}; }}, progress);
  }

  // Adds the keys `from` to `to` - 1.
  static StoreStatus add(CredentialWriter &writer, int from, int to) {
    return writer.run(1000, kTester, [from, to](WriteTxn &txn) {
      StoreStatus status;
      for (int n = from; status.ok() && n < to; ++n) {
        status = txn.add_key(bcrypt_key(n));
      }
      return status;
    });
  }
  // The same from a process of its own.
  int add_elsewhere(int from, int to) const {
    return in_child([this, from, to] {
      CredentialWriter writer;
      return writer.open(store_).ok() && add(writer, from, to).ok() ? 0 : 1;
    });
  }

  TemporaryFolder folder_;
  std::string store_;
};

#define ASSERT_STORE_OK(expression)                                                     \
  do {                                                                                  \
    const ::keyward::StoreStatus status_ = (expression);                                \
    ASSERT_TRUE(status_.ok()) << static_cast<int>(status_.code) << ' ' << status_.text; \
  } while (false)

}  // namespace keyward::test
