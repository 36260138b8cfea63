// The writers' lock: between processes, between threads, and when its holder hangs, dies or loses the file.
#include "store/environment/lock_file.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "store_fixture.hpp"

namespace keyward::test {
namespace {

class LockFileTest : public ::testing::Test {
 protected:
  std::shared_ptr<LockFile> get() {
    std::shared_ptr<LockFile> file;
    const StoreStatus status = LockFile::get(folder_.path(), &file);
    EXPECT_TRUE(status.ok()) << status.text;
    return file;
  }
  // A process that holds the lock, from the time that this returns until it is killed or told.
  std::unique_ptr<Child> holder(LockByte byte) {
    auto child = std::make_unique<Child>([this, byte] {
      LockFile::Held held;
      if (!get()->acquire(byte, 1000, &held).ok()) {
        return 1;
      }
      ready_.give();
      release_.await();
      return 0;
    });
    ready_.await();
    return child;
  }
  std::string path() const { return folder_.path() + "/lock"; }

  TemporaryFolder folder_;
  Signal ready_, release_;
};

TEST_F(LockFileTest, IsMadeWithMode0600) {
  const auto file = get();
  struct stat st = {};
  ASSERT_EQ(0, stat(path().c_str(), &st));
  EXPECT_EQ(0600U, st.st_mode & 07777U);
}

TEST_F(LockFileTest, NamesTheProcessThatHoldsIt) {
  const auto child = holder(LockByte::credentials);
  LockFile::Held held;
  const auto file = get();
  StoreStatus status = file->acquire(LockByte::credentials, 0, &held);
  EXPECT_EQ(StoreCode::busy, status.code);
  EXPECT_EQ("another writer (process " + std::to_string(child->pid()) + ") has held the store for 0 ms", status.text);
  status = file->acquire(LockByte::credentials, 1000, &held);
  EXPECT_EQ("another writer (process " + std::to_string(child->pid()) + ") has held the store for 1 s", status.text);
  // The other byte is another lock.
  EXPECT_TRUE(file->acquire(LockByte::usage, 0, &held).ok());
  release_.give();
  EXPECT_EQ(0, child->wait());
  EXPECT_TRUE(file->acquire(LockByte::credentials, 0, &held).ok());
}

TEST_F(LockFileTest, NamesAStoppedProcess) {
  const auto child = holder(LockByte::usage);
  child->stop();
  LockFile::Held held;
  const StoreStatus status = get()->acquire(LockByte::usage, 30, &held);
  EXPECT_EQ("another writer (process " + std::to_string(child->pid()) + ") has held the store for 30 ms", status.text);
}

TEST_F(LockFileTest, IsFreeWhenItsHolderWasKilled) {
  const auto child = holder(LockByte::credentials);
  kill(child->pid(), SIGKILL);
  child->wait();
  LockFile::Held held;
  EXPECT_TRUE(get()->acquire(LockByte::credentials, 0, &held).ok());
}

TEST_F(LockFileTest, IsTakenAsSoonAsItIsFree) {
  const auto child = holder(LockByte::credentials);
  std::thread later([this] { release_.give(); });
  LockFile::Held held;
  EXPECT_TRUE(get()->acquire(LockByte::credentials, 30000, &held).ok());
  later.join();
}

// fcntl's locks are the process's: its threads would all have it.
TEST_F(LockFileTest, KeepsThreadsApart) {
  const auto file = get();
  std::atomic<int> inside{0}, most{0}, taken{0};
  const auto work = [&] {
    for (int i = 0; i < 200; ++i) {
      LockFile::Held held;
      if (file->acquire(LockByte::credentials, 30000, &held).ok()) {
        most = std::max(most.load(), ++inside);
        ++taken;
        --inside;
      }
    }
  };
  std::thread one(work), two(work);
  one.join();
  two.join();
  EXPECT_EQ(1, most);
  EXPECT_EQ(400, taken);
  LockFile::Held held;
  ASSERT_TRUE(file->acquire(LockByte::credentials, 0, &held).ok());
  std::thread third([&] {
    LockFile::Held other;
    const StoreStatus status = file->acquire(LockByte::credentials, 10, &other);
    EXPECT_EQ("another thread of this process has held the store for 10 ms", status.text);
  });
  third.join();
}

// Closing any descriptor of a file drops the process's locks on it: so there is one of it.
TEST_F(LockFileTest, IsOneObjectInAProcess) {
  const auto file = get();
  LockFile::Held held;
  ASSERT_TRUE(file->acquire(LockByte::credentials, 0, &held).ok());
  {
    std::shared_ptr<LockFile> other;
    ASSERT_TRUE(LockFile::get(folder_.path() + "/.", &other).ok());
    EXPECT_EQ(file, other);
  }
  EXPECT_EQ(static_cast<int>(StoreCode::busy), in_child([this] {
              LockFile::Held wanted;
              return static_cast<int>(get()->acquire(LockByte::credentials, 0, &wanted).code);
            }));
}

// A lock on a file that nobody finds any more would keep nobody out.
TEST_F(LockFileTest, FollowsAFileThatWasRemoved) {
  const auto file = get();
  LockFile::Held usage;
  ASSERT_TRUE(file->acquire(LockByte::usage, 0, &usage).ok());
  ASSERT_EQ(0, std::remove(path().c_str()));
  LockFile::Held held;
  ASSERT_TRUE(file->acquire(LockByte::credentials, 0, &held).ok());
  EXPECT_EQ(static_cast<int>(StoreCode::busy), in_child([this] {
              LockFile::Held wanted;
              return static_cast<int>(get()->acquire(LockByte::credentials, 0, &wanted).code);
            }));
  usage.release();
  held.release();
  EXPECT_EQ(0, in_child([this] {
              LockFile::Held wanted;
              return static_cast<int>(get()->acquire(LockByte::credentials, 0, &wanted).code);
            }));
}

TEST_F(LockFileTest, SaysWhereItCannotBeMade) {
  std::shared_ptr<LockFile> file;
  const StoreStatus status = LockFile::get(folder_.path() + "/nowhere", &file);
  EXPECT_EQ(StoreCode::missing, status.code);
  EXPECT_NE(std::string::npos, status.text.find(folder_.path() + "/nowhere"));
}

}  // namespace
}  // namespace keyward::test
