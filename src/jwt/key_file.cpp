// Reading a small file whole, and making keys of it.
#include "jwt/key_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "base/digest.hpp"
#include "base/file.hpp"
#include "base/quote.hpp"
#include "json/json.hpp"
#include "jwt/jwk.hpp"

namespace keyward::jwt {

namespace {

std::string with_kid(const std::string &key, const std::string &kid) {
  return key + (kid.empty() ? "" : " (kid " + quote(kid) + ")");
}

std::string describe(const KeyRefusal &refusal) {
  return with_kid("key " + std::to_string(refusal.index + 1), refusal.kid) +
         " is left out: " + std::string(to_text(refusal.problem));
}

bool is_secret(const Key &key) noexcept { return key.material->type() == crypto::KeyType::secret; }

bool has_secret(const KeySet &set) noexcept { return std::any_of(set.keys().begin(), set.keys().end(), is_secret); }

bool parse_set(std::string_view text, KeySource source, KeySet *set, KeyFile *file) {
  std::vector<KeyRefusal> refusals;
  if (!parse_key_set(text, source, set, &refusals, &file->error)) {
    file->error += refusals.empty() ? std::string() : "; " + describe(refusals.front());
    return false;
  }
  if (has_secret(*set)) {
    file->holds_secret = true;
    file->error = "it holds secrets (\"kty\":\"oct\"), and no public key";
    return false;
  }
  std::transform(refusals.begin(), refusals.end(), std::back_inserter(file->warnings), describe);
  for (std::string &remark : remarks_on(*set)) {
    file->warnings.push_back(std::move(remark));
  }
  return true;
}

// Whether it is a JWK or a set, in a file of which the secret is taken as it is.
bool looks_like_jwk(std::string_view text) {
  json::Value document;
  std::string error;
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  const bool is_object =
      begin != std::string_view::npos && text[begin] == '{' && json::parse(text, json::Limits(), &document, &error);
  const bool has_members = is_object && (document.find("kty") != nullptr || document.find("keys") != nullptr);
  wipe_texts(&document);
  return has_members;
}

// What a document that is no secret is; nullptr: it may be one. Such a document is often public (a key, a certificate,
// metadata), or a half of what should be there: taken as it is, whoever has read it could sign tokens.
const char *name_of_document(std::string_view text) noexcept {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  const bool has_mark = text.substr(0, kMark.size()) == kMark;
  text.remove_prefix(has_mark ? kMark.size() : 0);
  const auto is_of_text = [](char c) { return (c >= 0x20 && c < 0x7f) || c == '\n' || c == '\r' || c == '\t'; };
  if (!has_mark && !std::all_of(text.begin(), text.end(), is_of_text)) {
    return nullptr;  // bytes, which may begin like anything
  }
  text.remove_prefix(std::min(text.size(), text.find_first_not_of(" \t\r\n")));
  const auto begins_with = [text](std::string_view begin) { return text.substr(0, begin.size()) == begin; };
  if (begins_with("-----BEGIN ")) {
    return "PEM: a public key is named by \"public_key\"";
  }
  if (begins_with("ssh-") || begins_with("ecdsa-") || begins_with("sk-ssh-") || begins_with("sk-ecdsa-")) {
    return "a key of SSH";
  }
  if (begins_with("{") || begins_with("[")) {
    return "JSON, and no JWK of kind \"oct\" nor a set of such";
  }
  if (begins_with("<")) {
    return "HTML or XML";
  }
  return has_mark ? "a text with a byte order mark in front: save it without" : nullptr;
}

bool parse_secret_jwk(std::string_view text, KeySet *set, KeyFile *file) {
  std::vector<KeyRefusal> refusals;
  if (!parse_key_set(text, KeySource::file, set, &refusals, &file->error)) {
    file->error += refusals.empty() ? std::string() : "; " + describe(refusals.front());
    return false;
  }
  if (!std::all_of(set->keys().begin(), set->keys().end(), is_secret)) {
    file->error = "it holds a public key; name it by \"jwks_file\"";
    return false;
  }
  std::transform(refusals.begin(), refusals.end(), std::back_inserter(file->warnings), describe);
  return true;
}

bool parse_single(std::string_view text, KeyFileKind kind, KeySet *set, std::string *error) {
  crypto::KeyProblem problem = crypto::KeyProblem::none;
  const SecretForm form = kind == KeyFileKind::secret_base64url ? SecretForm::base64url
                          : kind == KeyFileKind::secret_hex     ? SecretForm::hex
                                                                : SecretForm::as_is;
  const bool parsed =
      kind == KeyFileKind::public_key ? parse_public_key(text, set, &problem) : parse_secret(text, form, set, &problem);
  if (problem == crypto::KeyProblem::crypto_failure) {
    throw std::bad_alloc();
  }
  *error = parsed ? std::string_view() : to_text(problem);
  return parsed;
}

bool has_key_for(const KeySet &set, crypto::AlgorithmSet allowed) noexcept {
  return std::any_of(set.keys().begin(), set.keys().end(),
                     [allowed](const Key &key) { return !(key.algorithms & allowed).empty(); });
}

}  // namespace

bool parse_secret_kind(std::string_view word, KeyFileKind *kind) noexcept {
  *kind = word == "hex" ? KeyFileKind::secret_hex : KeyFileKind::secret_base64url;
  return word == "hex" || word == "base64url";
}

std::vector<std::string> remarks_on(const KeySet &set) {
  std::vector<std::string> remarks;
  for (const Key &key : set.keys()) {
    if (key.came_with_private_part) {
      remarks.push_back(with_kid("a key", key.kid) +
                        " includes its private part, which can sign tokens; leave only the public part here");
    }
    if (key.came_short) {
      remarks.push_back(with_kid("a key", key.kid) +
                        " has x or y shorter than its curve says (RFC 7518, section 6.2.1.2): zeros are taken to have "
                        "been left out in front");
    }
  }
  return remarks;
}

bool read_key_file(const std::string &path, std::string *text, std::string *error) {
  const auto fail = [&path, error](const std::string &problem) {
    *error = quote(path) + ": " + problem;
    return false;
  };
  // Nonblocking, so that a FIFO put there can't hold up a start.
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat st = {};
  if (!file || ::fstat(file.get(), &st) != 0) {
    return fail(std::strerror(errno));
  }
  if (!S_ISREG(st.st_mode)) {
    return fail("not a regular file");
  }
  if (st.st_size > static_cast<off_t>(kMaxKeySetBytes)) {
    return fail("larger than 1 MiB");
  }
  const auto size = static_cast<std::size_t>(st.st_size);
  if (!read_whole(file.get(), size, text)) {
    return fail(std::strerror(errno));
  }
  if (text->size() > size) {
    wipe(text->data(), text->size());
    text->clear();
    return fail("it changed while it was being read");
  }
  return true;
}

KeyFile parse_key_file(std::string_view text, KeyFileKind kind, crypto::AlgorithmSet allowed) {
  KeyFile file;
  auto set = std::make_shared<KeySet>();
  const bool fetched = kind == KeyFileKind::fetched_set;
  const bool is_jwk = kind == KeyFileKind::secret && looks_like_jwk(text);
  if (const char *document = kind == KeyFileKind::secret && !is_jwk ? name_of_document(text) : nullptr) {
    file.error =
        std::string("it looks like ") + document + "; a secret that begins so has to be written as base64url or hex";
    return file;
  }
  if ((kind == KeyFileKind::secret_hex || kind == KeyFileKind::secret_base64url) && looks_like_jwk(text)) {
    file.error = "it is a JWK or a set of such, whose form is known; leave out what says another one, \"" +
                 std::string(kind == KeyFileKind::secret_hex ? "hex" : "base64url") + "\"";
    return file;
  }
  const bool parsed = fetched || kind == KeyFileKind::key_set
                          ? parse_set(text, fetched ? KeySource::fetched : KeySource::file, set.get(), &file)
                      : is_jwk ? parse_secret_jwk(text, set.get(), &file)
                               : parse_single(text, kind, set.get(), &file.error);
  if (parsed && !fetched && !has_key_for(*set, allowed)) {
    file.error = "none of its keys can be used with the issuer's \"algorithms\"";
  } else if (parsed) {
    file.keys = std::move(set);
  }
  return file;
}

}  // namespace keyward::jwt
