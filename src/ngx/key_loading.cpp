// Files of keys: what they may hold, and what a person is told of them.
#include "ngx/key_loading.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/digest.hpp"
#include "jwt/key_file.hpp"

namespace keyward {
namespace {

using crypto::KeyProblem;
using From = KeyPlace::From;

constexpr std::int64_t kNanoseconds = 1000000000;
// A second for the file system's own, which some keep, and one for the clock's ticks.
constexpr std::int64_t kSettlingSeconds = 2;

std::string in_quotes(std::string_view text) { return '"' + std::string(text) + '"'; }

bool holds_secret(const jwt::KeySet &set) noexcept {
  return std::any_of(set.keys().begin(), set.keys().end(),
                     [](const jwt::Key &key) { return key.material->type() == crypto::KeyType::secret; });
}

std::string describe(const jwt::KeyRefusal &refusal) {
  std::string text = "key " + std::to_string(refusal.index + 1);
  if (!refusal.kid.empty()) {
    text += " (kid " + in_quotes(refusal.kid) + ')';
  }
  return text + " is left out: " + std::string(to_text(refusal.problem));
}

bool parse_jwks(std::string_view text, jwt::KeySet *set, LoadedKeys *loaded) {
  std::vector<jwt::KeyRefusal> refusals;
  if (!jwt::parse_key_set(text, jwt::KeySource::file, set, &refusals, &loaded->error)) {
    if (!refusals.empty()) {
      loaded->error += "; " + describe(refusals.front());
    }
    return false;
  }
  if (holds_secret(*set)) {
    loaded->error = "it holds secrets (\"kty\":\"oct\"); write the secret into a file of its own, and \"secret_file\"";
    return false;
  }
  for (const jwt::KeyRefusal &refusal : refusals) {
    loaded->warnings.push_back(describe(refusal));
  }
  return true;
}

bool parse_single(std::string_view text, From from, jwt::KeySet *set, std::string *error) {
  KeyProblem problem = KeyProblem::none;
  const bool parsed =
      from == From::public_key ? jwt::parse_public_key(text, set, &problem) : jwt::parse_secret(text, set, &problem);
  if (!parsed) {
    *error = to_text(problem);
  }
  return parsed;
}

// Whether any key can verify what the issuer takes.
bool is_usable(const jwt::KeySet &set, crypto::AlgorithmSet algorithms) noexcept {
  return std::any_of(set.keys().begin(), set.keys().end(),
                     [algorithms](const jwt::Key &key) { return !(key.algorithms & algorithms).empty(); });
}

void warn_of_mode(const IssuerConfiguration &issuer, std::vector<std::string> *warnings) {
  struct stat st = {};
  if (::stat(issuer.keys.where.c_str(), &st) != 0) {
    return;
  }
  if (issuer.keys.from == From::secret_file && (st.st_mode & S_IROTH) != 0) {
    warnings->push_back("everyone may read it, and sign tokens with what it holds: chmod o-r " + issuer.keys.where);
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

LoadedKeys load_keys(const IssuerConfiguration &issuer) {
  LoadedKeys loaded;
  const std::string &path = issuer.keys.where;
  // Looked at before it is read: what is written meanwhile changes it.
  const bool found = stamp_of(path, &loaded.stamp);
  std::string text;
  if (!jwt::read_key_file(path, &text, &loaded.error)) {
    loaded.forbidden = found && ::access(path.c_str(), R_OK) != 0 && errno == EACCES;
    return loaded;
  }
  auto set = std::make_shared<jwt::KeySet>();
  bool parsed = issuer.keys.from == From::jwks_file ? parse_jwks(text, set.get(), &loaded)
                                                    : parse_single(text, issuer.keys.from, set.get(), &loaded.error);
  wipe(text.data(), text.size());
  if (parsed && !is_usable(*set, issuer.rules.algorithms)) {
    loaded.error = "no key in it is for the issuer's \"algorithms\"";
    parsed = false;
  }
  if (!parsed) {
    loaded.error = in_quotes(path) + ": " + loaded.error;
    return loaded;
  }
  warn_of_mode(issuer, &loaded.warnings);
  for (std::string &warning : loaded.warnings) {
    warning = in_quotes(path) + ": " + warning;
  }
  loaded.keys = std::move(set);
  return loaded;
}

}  // namespace keyward
