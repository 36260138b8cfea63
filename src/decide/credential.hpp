// The form of a credential: which of a request's values is one, and whether it is a key or a token. No hashing, no
// store yet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "auth/credential_text.hpp"
#include "auth/principal.hpp"
#include "auth/reason.hpp"
#include "decide/demand.hpp"
#include "key/key_formats.hpp"

namespace keyward {

inline constexpr std::size_t kMaxCredentialBytes = 8192;  // where keyward_max_credential says nothing else

// Those of the field Authorization come first.
enum class SourceKind : std::uint8_t { bearer, scheme, basic, cookie, header, websocket, query };

// One place where a credential may come from (keyward_credential).
struct Source {
  SourceKind kind;
  // Of a header, in lower case and with every character but letters and digits as '-' (also of those that bearer,
  // scheme, basic and websocket look at); of a query's argument and of a cookie, as it is.
  std::string name;
  bool cross_site = false;  // what browsers send unasked counts from any site (csrf=off)
  // Of scheme: its name; of websocket: the protocol that announces the credential.
  std::string word = {};
  bool by_password = false;               // of basic: the credential is the password, else the user
  std::vector<std::string> origins = {};  // whose pages may make a browser send it, of what it sends unasked (origins=)

  // Whether it is a header field of its own.
  bool is_field() const noexcept { return kind != SourceKind::query && kind != SourceKind::cookie; }
  // Whether that is Authorization, which holds one scheme.
  bool is_authorization() const noexcept { return kind <= SourceKind::basic; }
  // Whether browsers send it unasked: it loses to what was sent by intent.
  bool is_ambient() const noexcept { return kind == SourceKind::basic || kind == SourceKind::cookie; }

  friend bool operator==(const Source &a, const Source &b) noexcept {
    return a.kind == b.kind && a.name == b.name && a.word == b.word && a.by_password == b.by_password;
  }
};

// No more sources than bits and fields that whoever searches keeps.
inline constexpr std::size_t kMaxSources = 8;

// Which of all that a request brings is its credential. Whoever reads the request says what is there, source by source
// and in this order: taken, fields, query, Basic, cookie.
class CredentialSearch {
 public:
  explicit CredentialSearch(const std::vector<Source> &sources, std::size_t most = kMaxCredentialBytes) noexcept
      : sources_(sources), most_(most) {}

  // What an earlier place took out of the request counts as if it were there: the credential, or, of Authorization,
  // what the field held. Not for Basic and cookies.
  void see_taken(std::size_t source, std::string_view text) noexcept;
  // A header field of that source's name. true: it holds a credential, alone or (websocket) among other protocols.
  bool see_field(std::size_t source, std::string_view value) noexcept;
  // The argument's value; twice: it came more than once with one.
  void see_query(std::size_t source, std::string_view value, bool twice) noexcept;
  // Browsers send Basic and cookies unasked, so whatever was given by intent comes before, and Basic before a cookie.
  bool wants_ambient() const noexcept { return source_ == nullptr && fault_ == Reason::none; }
  void see_basic(const Source &basic, const BasicText &text) noexcept;
  // count: cookies of this name.
  void see_cookie(const Source &cookie, std::string_view value, std::size_t count) noexcept;

  // nullptr: there is none.
  const Source *source() const noexcept { return source_; }
  std::string_view text() const noexcept { return text_; }
  unsigned held_by() const noexcept { return held_by_; }  // the sources whose fields hold it, bit by bit
  // invalid_request where nobody can say which one is meant; credential_too_large.
  Reason fault() const noexcept;

 private:
  bool add(std::size_t source, std::string_view text) noexcept;
  void refuse() noexcept { fault_ = Reason::invalid_request; }

  const std::vector<Source> &sources_;
  const std::size_t most_;  // bytes of a credential
  const Source *source_ = nullptr;
  std::string_view text_;
  unsigned seen_ = 0, held_by_ = 0;
  std::size_t protocol_fields_ = 0;
  bool announced_ = false;
  Reason fault_ = Reason::none;
};

// What a request presents.
struct Credential {
  std::string_view text;
  Kind kind = Kind::anonymous;        // nothing was presented; else key or token, by its form, or none
  const KeyFormat *format = nullptr;  // of a key
  Reason fault = Reason::none;        // why it isn't looked up
};

// What is told of a credential that has the form of neither: where only tokens are accepted it is an opaque or
// encrypted token, and its owner must not be told of a key. has_store: keys can be looked up.
inline Reason formless_reason(const Accepted &accepted, bool has_store) noexcept {
  return accepted.accepts_keys() && has_store ? Reason::invalid_key : Reason::invalid_token;
}

// Which forms there are.
struct Forms {
  const KeyFormats *keys = nullptr;
  const IssuerList *every_issuer = nullptr;
  bool has_store = false;  // keys can be looked up
};

// Tells a key from a token by its form: what begins with a prefix is a key, what else has a token's parts is a token,
// and what is neither may be a key that others made. Characters are left to whoever doesn't remember the key or the
// token.
Credential classify(std::string_view text, const Forms &forms, const Accepted &accepted) noexcept;

// What a search came to. is_cross_site(source) is asked only where it matters: whether another site's page may have sent
// what browsers send unasked.
template <typename IsCrossSite>
Credential present(Reason fault, const Source *source, std::string_view text, const Forms &forms,
                   const Accepted &accepted, IsCrossSite &&is_cross_site) noexcept {
  if (fault == Reason::none && source == nullptr) {
    return {};
  }
  if (fault == Reason::none && source->is_ambient() && !source->cross_site && is_cross_site(*source)) {
    fault = Reason::cross_site;
  }
  if (fault == Reason::none) {
    return classify(text, forms, accepted);
  }
  Credential credential;
  credential.kind = Kind::none;
  credential.fault = fault;
  return credential;
}

// Which form a credential has not, for people; empty: it has one. Shows nothing of it but its length and a prefix that
// is configured.
std::string why_formless(std::string_view text, const Forms &forms);

// Whether a text that may be something else (a user's name) has to be kept from logs, as it may be a credential.
bool may_be_credential(std::string_view text, const Forms &forms) noexcept;

}  // namespace keyward
