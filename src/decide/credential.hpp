// The form of a credential: which of a request's values is one, and whether it is a key or a token. No hashing, no
// store yet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "auth/principal.hpp"
#include "auth/reason.hpp"
#include "decide/demand.hpp"
#include "key/key_formats.hpp"

namespace keyward {

inline constexpr std::size_t kMaxCredentialBytes = 8192;

enum class SourceKind : std::uint8_t { bearer, header, query, websocket, cookie };

// One place where a credential may come from (keyward_credential).
struct Source {
  SourceKind kind;
  // Of a header, in lower case and with every character but letters and digits as '-' (also of those that bearer and
  // websocket look at); of a query's argument and of a cookie, as it is.
  std::string name;
  bool cross_site = false;  // a cookie of any site's requests counts (csrf=off)

  // Whether it is a header field of its own.
  bool is_field() const noexcept { return kind != SourceKind::query && kind != SourceKind::cookie; }

  friend bool operator==(const Source &a, const Source &b) noexcept { return a.kind == b.kind && a.name == b.name; }
};

// No more sources than bits and fields that whoever searches keeps.
inline constexpr std::size_t kMaxSources = 4;

// Which of all that a request brings is its credential. Whoever reads the request says what is there, source by source
// and in this order: taken, fields, query, cookie.
class CredentialSearch {
 public:
  explicit CredentialSearch(const std::vector<Source> &sources) noexcept : sources_(sources) {}

  // What an earlier place took out of the request counts as if it were there.
  void see_taken(std::size_t source, std::string_view text) noexcept { add(source, text); }
  // A header field of that source's name. true: it holds a credential, alone or (websocket) among other protocols.
  bool see_field(std::size_t source, std::string_view value) noexcept;
  // The argument's value; twice: it came more than once with one.
  void see_query(std::size_t source, std::string_view value, bool twice) noexcept;
  // Browsers send cookies unasked, so whatever was given by intent comes before. count: cookies of this name.
  bool wants_cookie() const noexcept { return source_ == nullptr && fault_ == Reason::none; }
  void see_cookie(const Source &cookie, std::string_view value, std::size_t count) noexcept;

  // nullptr: there is none.
  const Source *source() const noexcept { return source_; }
  std::string_view text() const noexcept { return text_; }
  unsigned held_by() const noexcept { return held_by_; }  // the sources whose fields hold it, bit by bit
  // invalid_request where nobody can say which one is meant, or it is too long.
  Reason fault() const noexcept;

 private:
  bool add(std::size_t source, std::string_view text) noexcept;
  void refuse() noexcept { fault_ = Reason::invalid_request; }

  const std::vector<Source> &sources_;
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

// Which form a credential has not, for people; empty: it has one. Shows nothing of it but its length and a prefix that
// is configured.
std::string why_formless(std::string_view text, const Forms &forms);

}  // namespace keyward
