// Credentials: found, and told apart.
#include "decide/credential.hpp"

#include "key/key_strength.hpp"

namespace keyward {
namespace {

// What a field holds, and how many of it.
std::string_view credential_in(const Source &source, std::string_view value, std::size_t *count) noexcept {
  *count = 1;
  switch (source.kind) {
    case SourceKind::bearer:
      return bearer_value(value);
    case SourceKind::scheme:
      return scheme_value(value, source.word);
    case SourceKind::websocket:
      return websocket_credential(value, source.word, count);
    case SourceKind::header:
      return trim_blanks(value);
    case SourceKind::basic:  // it has to be decoded
    case SourceKind::query:
    case SourceKind::cookie:
      break;
  }
  return {};
}

// As a token has.
bool has_two_dots(std::string_view text) noexcept {
  const std::size_t first = text.find('.');
  const std::size_t second = first == std::string_view::npos ? first : text.find('.', first + 1);
  return second != std::string_view::npos && text.find('.', second + 1) == std::string_view::npos;
}

// Nothing is a token where nobody issues any. Where others have made keys, these may have dots, too: then a token has to
// have its parts in every character. Else its parts are left to whoever doesn't remember it.
bool may_be_token(std::string_view text, const Forms &forms) noexcept {
  return has_two_dots(text) && !forms.every_issuer->empty() && (!forms.keys->has_any() || has_token_form(text));
}

}  // namespace

// A second value of one source, or one that differs: nobody can say who is meant then.
bool CredentialSearch::add(std::size_t source, std::string_view text) noexcept {
  const unsigned bit = 1U << source;
  if ((seen_ & bit) != 0 || (source_ != nullptr && text_ != text)) {
    refuse();
    return false;
  }
  seen_ |= bit;
  if (source_ == nullptr) {
    source_ = &sources_[source];
    text_ = text;
  }
  return true;
}

bool CredentialSearch::see_field(std::size_t source, std::string_view value) noexcept {
  const Source &from = sources_[source];
  if (from.kind == SourceKind::websocket) {
    ++protocol_fields_;
    announced_ = announced_ || announces_beyond(value, from.word);
  }
  std::size_t count;
  const std::string_view text = credential_in(from, value, &count);
  if (text.empty()) {
    return false;  // another scheme, or nothing
  }
  if (count > 1) {
    refuse();
    return false;
  }
  if (!add(source, text)) {
    return false;
  }
  held_by_ |= 1U << source;
  return true;
}

void CredentialSearch::see_query(std::size_t source, std::string_view value, bool twice) noexcept {
  if (twice) {
    refuse();
  } else {
    add(source, value);
  }
}

void CredentialSearch::see_taken(std::size_t source, std::string_view text) noexcept {
  if (sources_[source].is_authorization()) {
    std::size_t count;
    text = credential_in(sources_[source], text, &count);
  }
  if (!text.empty()) {
    add(source, text);
  }
}

void CredentialSearch::see_basic(const Source &basic, const BasicText &text) noexcept {
  if (text.is_basic && !text.is_readable) {
    refuse();
  }
  const std::string_view half = basic.by_password ? text.password : text.user;
  if (!half.empty()) {
    source_ = &basic;
    text_ = half;
  }
}

void CredentialSearch::see_cookie(const Source &cookie, std::string_view value, std::size_t count) noexcept {
  if (count > 1) {
    refuse();
  }
  if (count != 0) {
    source_ = &cookie;
    text_ = value;
  }
}

Reason CredentialSearch::fault() const noexcept {
  // Whoever joins the fields of a list would find a credential where none was looked for.
  const bool hidden = announced_ && protocol_fields_ > 1;
  return hidden ? Reason::invalid_request : text_.size() > most_ ? Reason::credential_too_large : fault_;
}

Credential classify(std::string_view text, const Forms &forms, const Accepted &accepted) noexcept {
  Credential credential;
  credential.text = text;
  if (const FormatMatch match = forms.keys->find(text); match.format != nullptr) {
    credential.kind = Kind::key;
    credential.format = match.format;
    credential.fault = match.has_frame ? Reason::none : Reason::invalid_key;
  } else if (may_be_token(text, forms)) {
    credential.kind = Kind::token;
  } else if ((credential.format = forms.keys->find_any(text)) != nullptr) {
    credential.kind = Kind::key;
  } else {
    credential.kind = Kind::none;
    credential.fault = formless_reason(accepted, forms.has_store);
  }
  return credential;
}

std::string why_formless(std::string_view text, const Forms &forms) {
  if (forms.keys->find(text).format == nullptr && may_be_token(text, forms)) {
    return {};
  }
  std::string why = forms.keys->why_not(text);
  if (!why.empty() && forms.keys->find(text).format == nullptr) {
    why += !forms.every_issuer->empty() ? "; a token is three base64url parts"
           : has_token_form(text)       ? "; it has the parts of a token, and no keyward_issuer is configured"
                                        : "";
  }
  return why;
}

bool may_be_credential(std::string_view text, const Forms &forms) noexcept {
  constexpr std::string_view kTokenBegins = "ey";  // {" in base64url
  return forms.keys->find(text).format != nullptr || forms.keys->find_any(text) != nullptr ||
         has_strong_part(text) ||  // a key that was mistyped is still a secret
         (text.substr(0, kTokenBegins.size()) == kTokenBegins && has_token_form(text));
}

}  // namespace keyward
