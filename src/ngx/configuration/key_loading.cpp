// Files of keys: when they changed, and what a person is told of them.
#include "ngx/configuration/key_loading.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <utility>

#include "base/digest.hpp"
#include "jwt/key_file.hpp"

namespace keyward {
namespace {

using From = KeyPlace::From;

constexpr std::int64_t kNanoseconds = 1000000000;
// A second for the file system's own, which some keep, and one for the clock's ticks.
constexpr std::int64_t kSettlingSeconds = 2;

std::string in_quotes(std::string_view text) { return '"' + std::string(text) + '"'; }

void warn_of_mode(const IssuerConfiguration &issuer, std::vector<std::string> *warnings) {
  struct stat st = {};
  if (::stat(issuer.keys.where.c_str(), &st) != 0) {
    return;
  }
  if (issuer.keys.from == From::secret_file && (st.st_mode & S_IROTH) != 0) {
    warnings->push_back("everyone may read it, and sign tokens with the secret in it: chmod o-r " + issuer.keys.where);
  }
  if ((st.st_mode & S_IWOTH) != 0) {
    warnings->push_back("everyone may write it, and put keys of their own there: chmod o-w " + issuer.keys.where);
  }
}

}  // namespace

bool KeyFileStamp::is_settled(std::int64_t now_s) const noexcept {
  return changed_ns / kNanoseconds + kSettlingSeconds < now_s;
}

bool stamp_of(const std::string &path, KeyFileStamp *stamp) noexcept {
  struct stat st = {};
  if (::stat(path.c_str(), &st) != 0) {
    return false;
  }
  stamp->device = st.st_dev;
  stamp->inode = st.st_ino;
  stamp->size = st.st_size;
  stamp->modified_ns = st.st_mtim.tv_sec * kNanoseconds + st.st_mtim.tv_nsec;
  stamp->changed_ns = st.st_ctim.tv_sec * kNanoseconds + st.st_ctim.tv_nsec;
  return true;
}

void KeyFiles::clear() noexcept {
  for (auto &[path, file] : files_) {
    wipe(file.text.data(), file.text.size());
  }
  files_.clear();
}

// Before it is read: what is written meanwhile changes it.
KeyFiles::File &KeyFiles::look(const std::string &path) {
  const auto [place, is_new] = files_.try_emplace(path);
  if (is_new) {
    const std::int64_t now_s =
        std::time(nullptr);  // before it is looked at, and long before the last issuer of it is read
    place->second.found = stamp_of(path, &place->second.stamp);
    place->second.settled = place->second.stamp.is_settled(now_s);
  }
  return place->second;
}

const KeyFileStamp *KeyFiles::stamp(const std::string &path) {
  const File &file = look(path);
  return file.found ? &file.stamp : nullptr;
}

LoadedKeys KeyFiles::load(const IssuerConfiguration &issuer) {
  LoadedKeys loaded;
  const std::string &path = issuer.keys.where;
  File &source = look(path);
  if (!source.tried) {
    const bool read = jwt::read_key_file(path, &source.text, &source.error);
    source.forbidden = !read && source.found && ::access(path.c_str(), R_OK) != 0 && errno == EACCES;
    source.tried = true;  // not before: where memory is refused, there is neither a text nor an error
  }
  loaded.stamp = source.stamp;
  loaded.settled = source.settled;
  loaded.forbidden = source.forbidden;
  loaded.unread = !source.error.empty() && !source.forbidden;
  loaded.error = source.error;
  if (!source.error.empty()) {
    return loaded;
  }
  jwt::KeyFile file = jwt::parse_key_file(source.text, issuer.keys.kind, issuer.rules.algorithms);
  if (file.keys == nullptr) {
    loaded.error = in_quotes(path) + ": " + file.error + (file.holds_secret ? "; name it by \"secret_file\"" : "");
    return loaded;
  }
  loaded.warnings = std::move(file.warnings);
  warn_of_mode(issuer, &loaded.warnings);
  for (std::string &warning : loaded.warnings) {
    warning = in_quotes(path) + ": " + warning;
  }
  loaded.keys = std::move(file.keys);
  return loaded;
}

}  // namespace keyward
