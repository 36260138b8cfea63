// LMDB's file begins with two pages, each a header of 16 bytes and a meta: u32 magic, u32 format, u64 address, u64 map
// size, u32 page size.
#include "store/environment/data_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.hpp"
#include "base/little_endian.hpp"
#include "store/environment/failure.hpp"

namespace keyward {

namespace {

constexpr std::uint32_t kMagic = 0xBEEFC0DE;
constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kHeaderBytes = 16;
constexpr std::size_t kBegin = 48;  // bytes that hold all this

// The page size, or 0 if this isn't how LMDB's files begin.
std::uint32_t page_size_of(std::string_view begin) noexcept {
  std::uint32_t magic = 0, format = 0, page_size = 0;
  std::uint64_t address = 0, map_size = 0;
  begin.remove_prefix(kHeaderBytes);
  const bool whole = take_int(&begin, &magic) && take_int(&begin, &format) && take_int(&begin, &address) &&
                     take_int(&begin, &map_size) && take_int(&begin, &page_size);
  const bool power_of_two = (page_size & (page_size - 1)) == 0;
  return whole && magic == kMagic && format == kFormat && power_of_two && page_size >= 512 && page_size <= 32768
             ? page_size
             : 0;
}

}  // namespace

StoreStatus look_at_data_file(const std::string &path, const std::string &store, DataFile *found) {
  const File file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file && (errno == ENOENT || errno == ENOTDIR)) {
    return failure(StoreCode::missing, "no store at " + store + "; make one with: keyward init --user www-data");
  }
  struct stat st = {};
  if (!file || fstat(file.get(), &st) != 0) {
    return failure_of(errno, "open " + path);
  }
  if (!S_ISREG(st.st_mode)) {
    return failure(StoreCode::no_schema, path + " is not a file");
  }
  if (st.st_size == 0) {
    return failure(StoreCode::no_schema, path + " is empty (0 bytes)");
  }
  char begin[kBegin];
  const ssize_t n = pread(file.get(), begin, sizeof(begin), 0);
  if (n < 0) {
    return failure_of(errno, "read " + path);
  }
  const std::uint32_t page_size = n == static_cast<ssize_t>(sizeof(begin)) ? page_size_of({begin, sizeof(begin)}) : 0;
  if (page_size == 0) {
    return failure(StoreCode::no_schema, path + " is not a file of keyward's");
  }
  found->identity = identity_of(st);
  found->size = static_cast<std::uint64_t>(st.st_size);
  if (found->size < std::uint64_t{2} * page_size) {
    return failure(StoreCode::truncated, path + " is truncated to " + std::to_string(found->size) + " bytes");
  }
  return {};
}

}  // namespace keyward
