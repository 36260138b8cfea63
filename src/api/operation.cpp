// Answers, refusals, and what every operation needs.
#include "api/operation.hpp"

#include <algorithm>

#include "auth/credential_text.hpp"
#include "base/hex.hpp"
#include "base/quote.hpp"
#include "keys/key_state.hpp"

namespace keyward::api {
namespace {

constexpr std::size_t kEtagBytes = 12;
constexpr std::size_t kMostParameters = 16;

std::string_view excess_text(keys::Excess excess) noexcept {
  switch (excess) {
    case keys::Excess::scopes:
      return "its scopes would go beyond the caller's";
    case keys::Excess::limits:
      return "its limits would go beyond the caller's";
    case keys::Excess::addresses:
      return "its addresses would go beyond the caller's";
    case keys::Excess::concurrency:
      return "it could send more requests at once than the caller";
    case keys::Excess::expiry:
      return "it would outlive the caller's key";
    case keys::Excess::none:
      break;
  }
  return {};
}

int hex_value(char c) noexcept {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

bool percent_decode(std::string_view text, std::string *out) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out->push_back(text[i] == '+' ? ' ' : text[i]);
      continue;
    }
    const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_value(text[i + 2]) : -1;
    if (low < 0) {
      return false;
    }
    out->push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return true;
}

}  // namespace

Call::~Call() { wipe(body.data(), body.size()); }
Reply::~Reply() { wipe(body.data(), body.size()); }

Reply refusal(Reason reason, std::string detail) {
  Reply reply;
  reply.status = info(reason).status;
  reply.reason = reason;
  reply.detail = std::move(detail);
  return reply;
}

Author Work::author() const {
  Author author;
  author.kind = AuthorKind::api;
  author.key_id = call.who->key_id;
  author.subject = call.who->subject;
  author.issuer = call.who->issuer;
  author.address = call.address;
  return author;
}

Reply with_body(std::uint16_t status, const json::Writer &body) {
  Reply reply;
  reply.status = status;
  reply.body = body.text();
  return reply;
}

Reply refusal_of(const StoreStatus &status) {
  Reply reply = refusal(status.code == StoreCode::busy ? Reason::busy : Reason::store_error);
  reply.retry_after_s = 1;
  return reply;
}

Reply refusal_of(const Work &work, const keys::Answer &answer) {
  using keys::Result;
  switch (answer.result) {
    case Result::not_found:
      return refusal(Reason::not_found);
    case Result::invalid:
      return refusal(Reason::invalid_body, "no record can be made of this");
    case Result::past_expiry:
      return refusal(Reason::invalid_body, quote(work.shape.names.name_of(Member::expires_at)) + ": it is past");
    case Result::wrong_state:
      return refusal(Reason::conflict, "the key's state doesn't allow it");
    case Result::in_overlap:
      return refusal(Reason::conflict, "the key was rotated, and only its overlap is left of it");
    case Result::rotated_already:
      return refusal(Reason::conflict, "the key has a successor already");
    case Result::too_many_keys:
      return refusal(Reason::too_many_keys, "the plan allows no more keys; revoke one first");
    case Result::in_use:
      return refusal(Reason::conflict, "it is still in use");
    case Result::exceeds_caller:
      return refusal(Reason::exceeds_caller, std::string(excess_text(answer.excess)));
    case Result::not_permitted:
      return refusal(Reason::exceeds_caller,
                     work.shape.is_admin ? "not of the caller's own subject" : "only an administrator may do that");
    case Result::no_match:
      return refusal(Reason::precondition_failed, "it was changed meanwhile");
    case Result::caller_ended:
      return refusal(work.call.who->kind == Kind::key ? Reason::revoked_key : Reason::blocked_subject);
    case Result::store_failed:
      return refusal_of(answer.status);
    case Result::done:
    case Result::unchanged:
      break;
  }
  return refusal(Reason::internal_error);
}

std::string etag_of(const Digest &tag) {
  const Sha256 digest = sha256(view_of(tag));
  return '"' + to_hex(view_of(digest).substr(0, kEtagBytes)) + '"';
}

std::string etag_of(const Work &work, const KeyRecord &key) {
  return etag_of(work.seal.tag(Table::keys, key.id, encode(key)));
}

bool matches(std::string_view if_match, std::string_view etag) noexcept {
  while (!if_match.empty()) {
    const std::size_t comma = if_match.find(',');
    const std::string_view one = trim_blanks(if_match.substr(0, comma));
    if (one == "*" || one == etag) {
      return true;
    }
    if_match.remove_prefix(comma == std::string_view::npos ? if_match.size() : comma + 1);
  }
  return false;
}

bool mint_within_gate(const Work &work, const keys::Minting &minting, keys::MintedKey *minted) {
  if (minting.verifier.kind == VerifierKind::sha256) {
    return keys::mint(minting, minted);
  }
  bool shared = false;
  const auto give_up = [](void *service) { return static_cast<const Service *>(service)->is_closing(); };
  const VerifierGate::Place place =
      work.service.zone.gate->enter(work.service.bcrypt_places, random_bytes<sizeof(Digest)>(), &shared, give_up,
                                    const_cast<Service *>(&work.service));
  return place && keys::mint(minting, minted);
}

keys::Answer change_store(const Work &work, std::uint64_t wait_ms,
                          const std::function<keys::Answer(WriteTxn &)> &operation) {
  return keys::in_transaction(work.service.writer, work.author(), wait_ms, operation);
}

const std::string *Parameters::find(std::string_view name) const noexcept {
  for (const auto &[own, value] : all) {
    if (own == name) {
      return &value;
    }
  }
  return nullptr;
}

bool read_query(std::string_view query, const std::vector<std::string_view> &known, Parameters *parameters,
                std::string *error) {
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view one = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    if (one.empty()) {
      continue;
    }
    const std::size_t equals = one.find('=');
    std::string name, value;
    const std::string_view sent = equals == std::string_view::npos ? std::string_view() : one.substr(equals + 1);
    if (!percent_decode(one.substr(0, equals), &name) || !percent_decode(sent, &value)) {
      *error = "a parameter has a % without two hexadecimal digits";
      return false;
    }
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      *error = "unknown parameter " + quote(name);
      for (const std::string_view other : known) {
        error->append(&other == known.data() ? "; there are " : ", ").append(other);
      }
      return false;
    }
    if (parameters->find(name) != nullptr || parameters->all.size() == kMostParameters) {
      *error = "parameter " + quote(name) + " given twice";
      return false;
    }
    parameters->all.emplace_back(std::move(name), std::move(value));
  }
  return true;
}

std::string percent_encoded(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '_' || c == '.' || c == '~';
    if (plain) {
      out.push_back(c);
    } else {
      out.append({'%', kDigits[byte >> 4], kDigits[byte & 15]});
    }
  }
  return out;
}

}  // namespace keyward::api
