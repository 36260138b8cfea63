// Reading bodies, strictly.
#include "api/body.hpp"

#include <algorithm>
#include <vector>

#include "auth/scope.hpp"
#include "base/ascii.hpp"
#include "base/networks.hpp"
#include "base/quote.hpp"
#include "base/text_rules.hpp"
#include "base/time_text.hpp"
#include "keys/activate.hpp"
#include "keys/meta.hpp"

namespace keyward::api {
namespace {

using Type = json::Value::Type;

constexpr json::Limits kLimits{keys::kMaxMetaDepth + 2, kMaxBody, 4096};
constexpr std::int64_t kMaxOverlapSeconds = 90 * 86400;

bool fail(std::string *error, std::string text) {
  *error = std::move(text);
  return false;
}

bool is_null(const json::Value &value) noexcept { return value.type == Type::null; }

// A text that is one of its kind; null is an empty one where `may_be_null`.
bool read_text(const json::Value &value, bool may_be_null, bool (*is_good)(std::string_view) noexcept, const char *what,
               std::optional<std::string> *text, std::string *error) {
  if (may_be_null && is_null(value)) {
    text->emplace();
    return true;
  }
  if (value.type != Type::string || !is_good(value.text)) {
    return fail(error, what);
  }
  *text = value.text;
  return true;
}

bool is_name(std::string_view text) noexcept { return !text.empty() && is_display_name(text); }

// The texts of an array.
bool read_list(const json::Value &value, std::vector<std::string_view> *texts, std::string *error) {
  const bool good =
      value.type == Type::array && std::all_of(value.items.begin(), value.items.end(),
                                               [](const json::Value &item) { return item.type == Type::string; });
  for (const json::Value &item : value.items) {
    texts->emplace_back(item.text);
  }
  return good || fail(error, "it has to be an array of strings");
}

bool read_limits(const json::Value &value, OptionalList<Rate> *limits, std::string *error) {
  std::vector<std::string_view> texts;
  *limits = {!is_null(value), {}};
  if (is_null(value)) {
    return true;
  }
  if (!read_list(value, &texts, error)) {
    return false;
  }
  for (const std::string_view text : texts) {
    if (!parse_rate(text, &limits->items.emplace_back(), error)) {
      return false;
    }
  }
  return limits->items.size() <= kMaxLimits || fail(error, "more than " + std::to_string(kMaxLimits) + " limits");
}

bool read_concurrency(const json::Value &value, std::uint32_t *most, std::string *error) {
  std::int64_t number = 0;
  if (!is_null(value) && (!value.as_int(&number) || number < 1 || number > std::int64_t{kMaxConcurrency})) {
    return fail(error, "write a number from 1 to " + std::to_string(kMaxConcurrency) + ", or null for its plan's");
  }
  *most = static_cast<std::uint32_t>(number);
  return true;
}

bool read_networks(const json::Value &value, std::string *packed, std::string *error) {
  packed->clear();
  if (is_null(value)) {
    return true;
  }
  std::vector<std::string_view> texts;
  if (!read_list(value, &texts, error)) {
    return false;
  }
  std::vector<Network> networks;
  for (const std::string_view text : texts) {
    if (!parse_network(text, &networks.emplace_back(), error)) {
      return false;
    }
  }
  return pack_networks(std::move(networks), packed) ||
         fail(error, "write 1 to " + std::to_string(kMaxNetworks) + " networks, or null for everywhere");
}

bool read_deadline(const json::Value &value, std::int64_t now_s, std::int64_t *time_s, std::string *error) {
  *time_s = 0;
  if (is_null(value)) {
    return true;
  }
  if (value.type != Type::string || !parse_deadline(value.text, now_s, time_s, error)) {
    return fail(error, R"(write a date, such as "2027-01-31T12:00:00Z", a time from now, such as "90d", or null)");
  }
  return *time_s > now_s || fail(error, "it is past");
}

bool read_overlap(const json::Value &value, std::int64_t *overlap_s, std::string *error) {
  const bool good = value.type == Type::string ? parse_duration(value.text, overlap_s) : value.as_int(overlap_s);
  return (good && *overlap_s >= 0 && *overlap_s <= kMaxOverlapSeconds) ||
         fail(error, R"(write a time such as "24h" or seconds, up to 90 days)");
}

bool read_member(Member member, const json::Value &value, std::int64_t now_s, Asked *asked, std::string *error) {
  switch (member) {
    case Member::name:
      return read_text(value, false, is_name, "write 1 to 200 bytes without control characters", &asked->name, error);
    case Member::subject:
      return read_text(value, true, is_subject, "it is no subject's name", &asked->subject, error);
    case Member::plan:
      return read_text(value, true, is_plan_name, "it is no plan's name", &asked->plan, error);
    case Member::scopes:
      return read_scopes(value, &asked->scopes.emplace(), error);
    case Member::limits:
      return read_limits(value, &asked->limits.emplace(), error);
    case Member::concurrency:
      return read_concurrency(value, &asked->concurrency.emplace(), error);
    case Member::allow_from:
      return read_networks(value, &asked->allow_from.emplace(), error);
    case Member::meta:
      return is_null(value) ? (asked->meta.emplace(), true) : keys::take_meta(value, &asked->meta.emplace(), error);
    case Member::expires_at:
      return read_deadline(value, now_s, &asked->expires_at_s.emplace(), error);
    case Member::overlap:
      return read_overlap(value, &asked->overlap_s.emplace(), error);
    case Member::verifier:
      return (value.type == Type::string && parse_verifier(value.text, &asked->verifier.emplace(), error)) ||
             fail(error, R"(write "bcrypt", "bcrypt:12" or "sha256")");
    case Member::pkce_challenge:
      return read_text(value, false, keys::is_s256_challenge,
                       "it has to be the SHA-256 of the code verifier in base64url, 43 characters (S256)",
                       &asked->pkce_challenge, error);
    case Member::code_verifier:
      return read_text(value, false, keys::is_code_verifier, "it has to be 43 to 128 unreserved characters",
                       &asked->code_verifier, error);
    default:
      return fail(error, "it can't be asked for");
  }
}

}  // namespace

namespace {

// JSON is UTF-8 (RFC 8259, section 8.1).
bool names_no_other_charset(std::string_view content_type) noexcept {
  constexpr std::string_view kName = "charset=", kUtf8 = "utf-8";
  const auto found = std::search(content_type.begin(), content_type.end(), kName.begin(), kName.end(),
                                 [](char a, char b) { return to_lower(a) == b; });
  if (found == content_type.end()) {
    return true;
  }
  std::string_view named = content_type.substr(static_cast<std::size_t>(found - content_type.begin()) + kName.size());
  named.remove_prefix(named.substr(0, 1) == "\"" ? 1 : 0);
  const std::string_view rest = named.substr(std::min(named.size(), kUtf8.size()));
  return equal_caseless(named.substr(0, kUtf8.size()), kUtf8) &&
         (rest.empty() || std::string_view("\"; \t").find(rest.front()) != std::string_view::npos);
}

}  // namespace

bool is_json_type(std::string_view content_type) noexcept {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) {
    type.remove_suffix(1);
  }
  return equal_caseless(type, "application/json") && names_no_other_charset(content_type);
}

bool read_object(std::string_view body, json::Value *object, std::string *error) {
  if (body.empty()) {
    object->type = Type::object;
    return true;
  }
  std::string twin;
  if (!json::parse(body, kLimits, object, error, &twin)) {
    *error = twin.empty() ? *error : quote(twin) + " given twice";
    return false;
  }
  return object->type == Type::object || fail(error, "the body has to be a JSON object");
}

bool read_asked(const json::Value &object, const Names &names, Members known, std::int64_t now_s, Asked *asked,
                std::string *error) {
  for (const auto &[name, value] : object.members) {
    const auto member = names.find(name);
    if (!member || !has(known, *member)) {
      std::string all;
      for (std::size_t i = 0; i < kMemberCount; ++i) {
        const auto one = static_cast<Member>(i);
        const std::string_view own = names.name_of(one);
        if (has(known, one) && names.find(own) == one) {
          all.append(all.empty() ? "" : ", ").append(own);
        }
      }
      return fail(error, "unknown member " + quote(name) + (all.empty() ? "; there is none" : "; there are " + all));
    }
    std::string why;
    if (!read_member(*member, value, now_s, asked, &why)) {
      return fail(error, quote(name) + ": " + why);
    }
  }
  return true;
}

bool read_scopes(const json::Value &value, OptionalList<std::string> *scopes, std::string *error) {
  std::vector<std::string_view> texts;
  *scopes = {!is_null(value), {}};
  if (is_null(value)) {
    return true;
  }
  if (!read_list(value, &texts, error)) {
    return false;
  }
  for (const std::string_view text : texts) {
    if (!is_grant(text)) {
      return fail(error, quote(text) + " is not a scope; write posts:read, posts:* or *");
    }
    scopes->items.emplace_back(text);
  }
  return join(scopes->items, ' ').size() <= kMaxScopeListBytes || fail(error, "it is too long");
}

}  // namespace keyward::api
