// Owning a descriptor, reading a file whole, and the folder of a path.
#include "base/file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <thread>
#include <utility>

#include "store_fixture.hpp"

namespace keyward::test {
namespace {

bool is_open(int fd) { return fcntl(fd, F_GETFD) != -1; }

File open_null() { return File(open("/dev/null", O_RDONLY | O_CLOEXEC)); }

TEST(File, ClosesWhatItOwnsOnce) {
  int fd = -1;
  {
    File file = open_null();
    fd = file.get();
    ASSERT_TRUE(file && is_open(fd));
    File other(std::move(file));
    EXPECT_FALSE(file);
    EXPECT_EQ(fd, other.get());
    File third = open_null();
    const int replaced = third.get();
    third = std::move(other);
    EXPECT_FALSE(is_open(replaced));
    EXPECT_TRUE(is_open(fd));
  }
  EXPECT_FALSE(is_open(fd));
}

TEST(File, MayBeEmptyClosedOrGivenUp) {
  File file;
  EXPECT_FALSE(file);
  file.close();
  file = open_null();
  const int fd = file.release();
  EXPECT_FALSE(file);
  EXPECT_TRUE(is_open(fd));
  file = File(fd);
  file.close();
  EXPECT_FALSE(is_open(fd));
  file.close();
}

class ReadWhole : public testing::Test {
 protected:
  bool read(const std::string &content, std::size_t most) {
    write_file(path_, content);
    return read_whole(File(open(path_.c_str(), O_RDONLY | O_CLOEXEC)).get(), most, &text_);
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.path() + "/file";
  std::string text_ = "what was there";
};

TEST_F(ReadWhole, StopsOneByteBehindTheBound) {
  for (const char *content : {"", "a", "four"}) {
    ASSERT_TRUE(read(content, 4));
    EXPECT_EQ(content, text_);
  }
  ASSERT_TRUE(read("five!", 4));
  EXPECT_EQ("five!", text_);
  ASSERT_TRUE(read("more than that", 4));
  EXPECT_EQ("more ", text_);
}

TEST_F(ReadWhole, SaysWhatFailed) {
  EXPECT_FALSE(read_whole(-1, 4, &text_));
  EXPECT_EQ(EBADF, errno);
  const File folder(open(folder_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  EXPECT_FALSE(read_whole(folder.get(), 4, &text_));
  EXPECT_EQ(EISDIR, errno);
}

// Whoever wipes the text has wiped all: no growing left a part of it elsewhere.
TEST_F(ReadWhole, NeverMovesWhatItRead) {
  const std::string content(100'000, 'x');
  ASSERT_TRUE(read(content, 1 << 20));
  EXPECT_EQ(content, text_);
  EXPECT_GE(text_.capacity(), (std::size_t{1} << 20) + 1);
}

// From a pipe that gives little at a time, while signals come.
TEST_F(ReadWhole, GoesOnAfterPartsAndSignals) {
  struct sigaction old = {}, caught = {};
  caught.sa_handler = [](int) {};  // without SA_RESTART: read() ends with EINTR
  sigaction(SIGUSR1, &caught, &old);
  int ends[2] = {-1, -1};
  ASSERT_EQ(0, pipe(ends));
  const File in(ends[0]);
  const pthread_t reading = pthread_self();
  std::thread writer([out = File(ends[1]), reading] {
    for (const char part : {'a', 'b', 'c'}) {
      for (int i = 0; i < 100; ++i) {
        pthread_kill(reading, SIGUSR1);
        std::this_thread::yield();
      }
      EXPECT_EQ(1, write(out.get(), &part, 1));
    }
  });
  EXPECT_TRUE(read_whole(in.get(), 100, &text_));
  EXPECT_EQ("abc", text_);
  writer.join();
  sigaction(SIGUSR1, &old, nullptr);
}

TEST(FolderOf, IsWhereTheLastPartLies) {
  EXPECT_EQ("/etc/keys", folder_of("/etc/keys/set.json"));
  EXPECT_EQ("keys", folder_of("keys/set.json"));
  EXPECT_EQ("/", folder_of("/set.json"));
  EXPECT_EQ(".", folder_of("set.json"));
  EXPECT_EQ(".", folder_of(""));
}

}  // namespace
}  // namespace keyward::test
