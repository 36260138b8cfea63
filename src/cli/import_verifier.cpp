// One of: key; sha256; sha512; hmac_sha256; bcrypt with sha256 or prefix; hash with any digest or prefix. An export has
// `locator` in the place of a digest that isn't kept whole, and locator_kind, where it isn't sha256's.
#include "cli/import_verifier.hpp"

#include <algorithm>

#include "base/base64.hpp"
#include "base/digest.hpp"
#include "base/hex.hpp"
#include "cli/import_line.hpp"
#include "key/hash_form.hpp"

namespace keyward::cli {
namespace {

using json::Value;
using keys::PlainKey;

bool fail(std::string text, std::string *error) {
  *error = std::move(text);
  return false;
}

template <std::size_t N>
bool take_digest(const Value &value, std::string_view name, Bytes<N> *digest, std::string *error) {
  std::size_t size = 0;
  const bool read = value.type == Value::Type::string &&
                    (from_hex(value.text, digest->data(), N) ||
                     (from_base64(Base64::any, value.text, digest->data(), N, &size) && size == N));
  return read || fail(std::string(name) + " has to be " + std::to_string(2 * N) +
                          " hexadecimal digits, or the same bytes in base64",
                      error);
}

bool take_text(const Value &value, std::string_view name, std::string_view *text, std::string *error) {
  *text = value.text;
  return value.type == Value::Type::string || fail(std::string(name) + " has to be a string", error);
}

bool take_locator_kind(const Value &value, LocatorKind *kind, std::string *error) {
  return (value.type == Value::Type::string && parse_locator_kind(value.text, kind)) ||
         fail("locator_kind has to be \"sha256\", \"sha512\" or \"hmac_sha256\"", error);
}

struct MemberRule {
  std::string_view name;
  bool VerifierMembers::*has;
  bool (*take)(const Value &value, std::string_view name, VerifierMembers *members, std::string *error);
};

template <auto kDigest>
bool digest_member(const Value &value, std::string_view name, VerifierMembers *members, std::string *error) {
  return take_digest(value, name, &(members->*kDigest), error);
}
template <auto kText>
bool text_member(const Value &value, std::string_view name, VerifierMembers *members, std::string *error) {
  return take_text(value, name, &(members->*kText), error);
}

using Members = VerifierMembers;
constexpr MemberRule kMembers[] = {
    {"sha256", &Members::has_sha256, digest_member<&Members::sha256>},
    {"locator", &Members::has_locator, digest_member<&Members::locator>},
    {"bcrypt", &Members::has_bcrypt, text_member<&Members::bcrypt>},
    {"prefix", &Members::has_prefix, text_member<&Members::prefix>},
    {"key", &Members::has_plain, text_member<&Members::plain>},
    {"hash", &Members::has_hash, text_member<&Members::hash>},
    {"sha512", &Members::has_sha512, digest_member<&Members::sha512>},
    {"hmac_sha256", &Members::has_hmac, digest_member<&Members::hmac_sha256>},
    {"locator_kind", &Members::has_locator_kind,
     [](const Value &value, std::string_view, Members *members, std::string *error) {
       return take_locator_kind(value, &members->locator_kind, error);
     }},
};

constexpr const char *kForms =
    "needs exactly one of sha256, sha256 and bcrypt, bcrypt and prefix, key, sha512, hmac_sha256, or hash with sha256, "
    "sha512, hmac_sha256 or prefix";

// What the members of one line come to.
class Verifier {
 public:
  Verifier(const VerifierMembers &members, const keys::ImportRules &rules, keys::ImportedKey *key, std::string *error)
      : members_(members), rules_(rules), key_(key), record_(key->record), error_(error) {}

  bool take() { return is_one_form() && take_slow() && take_prefix() && take_digest() && hides_key(); }

 private:
  bool fail(std::string text) const { return cli::fail(std::move(text), error_); }

  // A locator tells how the key is found now; a prefix may stand beside it, and a digest which is the verifier itself.
  bool is_one_form() {
    const auto &m = members_;
    const int digests = int{m.has_sha256} + int{m.has_sha512} + int{m.has_hmac};
    const bool slow = m.has_bcrypt || m.has_hash;
    const bool found = digests == 1 || m.has_locator || m.has_prefix;
    const bool twice = digests > 1 || (m.has_bcrypt && m.has_hash) || (m.has_prefix && (digests != 0 || !slow)) ||
                       (m.has_locator && (slow ? digests != 0 : !m.has_sha512 && !m.has_hmac)) ||
                       (m.has_bcrypt && (m.has_sha512 || m.has_hmac));
    const bool nothing = digests == 0 && !slow;
    const bool any = digests != 0 || slow || m.has_locator || m.has_prefix;
    if (m.has_plain ? any : nothing || twice || !found) {
      return fail(kForms);
    }
    if (m.has_locator_kind && m.locator_kind != LocatorKind::sha256 &&
        (!m.has_locator || !m.has_hash || m.has_prefix)) {
      return fail("locator_kind says of what digest the locator of a hash is; leave it out");
    }
    const bool needs_pepper = m.has_hmac || m.locator_kind == LocatorKind::hmac_sha256;
    return !needs_pepper || !rules_.pepper.empty() ||
           fail("hmac_sha256 needs the secret that it was made with; give it by --pepper-file FILE");
  }

  bool take_slow() {
    if (members_.has_bcrypt) {
      record_.verifier_kind = members_.has_prefix ? VerifierKind::legacy_prefix : VerifierKind::bcrypt;
      record_.verifier = members_.bcrypt;
      return is_bcrypt_hash(members_.bcrypt) ||
             fail("bcrypt is not a bcrypt hash that can be verified: 60 characters, $2a$, $2b$ or $2y$, cost " +
                  std::to_string(kMinBcryptCost) + " to " + std::to_string(kMaxBcryptCost));
    }
    if (members_.has_hash) {
      HashForm form;
      const HashFault fault = parse_hash(members_.hash, &form);
      record_.verifier_kind = VerifierKind::hash;
      record_.verifier = members_.hash;
      return fault == HashFault::none || fail("hash " + explain(fault, form, members_.hash));
    }
    return true;
  }

  bool take_prefix() {
    if (!members_.has_prefix) {
      return true;
    }
    const auto prefix = members_.prefix;
    if (prefix.size() < kMinImportPrefixBytes || prefix.size() > kMaxImportPrefixBytes ||
        !std::all_of(prefix.begin(), prefix.end(), [](char c) { return c > ' ' && c <= '~'; })) {
      return fail("prefix has to be the key's first " + std::to_string(kMinImportPrefixBytes) + " to " +
                  std::to_string(kMaxImportPrefixBytes) + " characters, printable ASCII without blanks");
    }
    record_.legacy_prefix = prefix;
    if (record_.preview.empty()) {
      record_.preview = std::string(prefix) + "...";
    }
    return true;
  }

  bool take_digest() {
    const auto &m = members_;
    if (m.has_plain) {
      return take_plain();
    }
    if (m.has_sha256) {
      take_whole(VerifierKind::sha256, LocatorKind::sha256, view_of(m.sha256));
    } else if (m.has_sha512) {
      take_whole(VerifierKind::sha512, LocatorKind::sha512, view_of(m.sha512));
    } else if (m.has_hmac) {
      take_whole(VerifierKind::hmac_sha256, LocatorKind::hmac_sha256, view_of(m.hmac_sha256));
    }
    if (m.has_locator) {
      find_by(m.locator_kind, m.locator);
    }
    return true;
  }

  // The verifier, where there is no slow one beside it.
  void take_whole(VerifierKind kind, LocatorKind locator_kind, std::string_view digest) {
    if (!members_.has_bcrypt && !members_.has_hash) {
      record_.verifier_kind = kind;
      record_.verifier = digest;
    }
    find_by(locator_kind, locator_of(locator_kind, digest));
  }

  void find_by(LocatorKind kind, const Locator &locator) {
    record_.indexed = true;
    record_.locator_kind = kind;
    record_.locator = locator;
  }

  bool take_plain() {
    switch (keys::take_plain_key(members_.plain, rules_, key_)) {
      case PlainKey::taken:
        break;
      case PlainKey::not_sendable:
        return fail("key has to be printable ASCII without blanks, as it is sent in a header field");
      case PlainKey::too_long:
        return fail("key is longer than " + std::to_string(kMaxBcryptKeyBytes) +
                    " bytes, and bcrypt reads no further; use --verifier sha256");
      case PlainKey::weak:
        return fail(
            "key seems to have less than 128 random bits; replace it, name its form with --format, or use --weak");
    }
    return true;
  }

  // What is shown of a key must not be all of it. Of a slow hash and a plain prefix alone nobody can tell.
  bool hides_key() const {
    const std::string_view preview = record_.preview;
    const bool shown = (members_.has_plain && preview.find(members_.plain) != std::string_view::npos) ||
                       (record_.indexed && is_found_by(preview));
    return !shown || fail("preview holds the key itself, which is never stored; leave it out, or shorten it");
  }

  bool is_found_by(std::string_view key) const {
    switch (record_.locator_kind) {
      case LocatorKind::sha256:
        return locator_of(sha256(key)) == record_.locator;
      case LocatorKind::sha512:
        return locator_of(LocatorKind::sha512, view_of(sha512(key))) == record_.locator;
      case LocatorKind::hmac_sha256:
        return locator_of(LocatorKind::hmac_sha256, view_of(hmac_sha256(rules_.pepper, key))) == record_.locator;
    }
    return false;
  }

  const VerifierMembers &members_;
  const keys::ImportRules &rules_;
  keys::ImportedKey *key_;
  KeyRecord &record_;
  std::string *error_;
};

}  // namespace

bool take_verifier_member(std::string_view name, const Value &value, VerifierMembers *members, bool *known,
                          std::string *error) {
  const auto rule = std::find_if(std::begin(kMembers), std::end(kMembers),
                                 [name](const MemberRule &each) { return each.name == name; });
  *known = rule != std::end(kMembers);
  if (!*known || value.type == Value::Type::null) {
    return true;
  }
  members->*rule->has = true;
  return rule->take(value, name, members, error);
}

std::string names_of_verifier_members() {
  std::string names;
  for (const MemberRule &rule : kMembers) {
    names.append(names.empty() ? "" : ", ").append(rule.name);
  }
  return names;
}

bool take_verifier(const VerifierMembers &members, const keys::ImportRules &rules, keys::ImportedKey *key,
                   std::string *error) {
  return Verifier(members, rules, key, error).take();
}

}  // namespace keyward::cli
