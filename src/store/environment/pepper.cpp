// Reading and writing the pepper's file.
#include "store/environment/pepper.hpp"

#include <fcntl.h>

#include <cerrno>
#include <cstring>

#include "base/digest.hpp"
#include "base/file.hpp"
#include "store/environment/failure.hpp"

namespace keyward {

PepperDigest digest_of_pepper(std::string_view pepper) noexcept {
  const Sha256 whole = hmac_sha256(pepper, "keyward pepper");
  PepperDigest digest;
  std::memcpy(digest.data(), whole.data(), digest.size());
  return digest;
}

StoreStatus read_pepper(const std::string &path, Secret *pepper, SecretStamp *stamp) {
  const File file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat st = {};
  if (!file || fstat(file.get(), &st) != 0) {
    const int why = errno;
    return {why == ENOENT ? StoreCode::not_found : StoreCode::no_secret,
            failure_of(why, "read the pepper " + path).text};
  }
  std::string text;
  const bool read = read_whole(file.get(), kMaxPepperBytes, &text);
  const int why = errno;
  *pepper = Secret(std::move(text));
  const std::size_t size = pepper->view().size();
  if (!read || size == 0 || size > kMaxPepperBytes || !S_ISREG(st.st_mode)) {
    pepper->clear();
    return failure(StoreCode::no_secret, !read ? failure_of(why, "read the pepper " + path).text
                                               : "the pepper " + path + " must be a file of 1 to " +
                                                     std::to_string(kMaxPepperBytes) + " bytes");
  }
  *stamp = stamp_of(st);
  return {};
}

StoreStatus write_pepper(const std::string &path, std::string_view pepper) { return write_private_file(path, pepper); }

}  // namespace keyward
