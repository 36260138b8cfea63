// Members of answers.
#include "api/describe.hpp"

#include "auth/reason.hpp"
#include "base/networks.hpp"
#include "base/time_text.hpp"
#include "keys/key_state.hpp"

namespace keyward::api {
namespace {

struct Described {
  const Shape &shape;
  const KeyRecord &key;
  const UsageRecord &usage;
  std::int64_t now_s;
  std::string_view secret;
};

// The key itself, where it was minted; its preview under the key's name, where there is no member for that.
void put_key(json::Writer *out, std::string_view name, const Described &of) {
  if (!of.secret.empty()) {
    out->member(name, of.secret);
  } else if (!of.shape.names.shows(Member::preview)) {
    put_text(out, name, preview_text(of.shape, of.key.preview));
  }
}

void put_networks(json::Writer *out, std::string_view name, std::string_view packed) {
  out->key(name);
  if (packed.empty()) {
    out->null();
    return;
  }
  out->begin_array();
  for (const Network &network : unpack_networks(packed)) {
    out->string(to_text(network));
  }
  out->end_array();
}

void put_meta(json::Writer *out, std::string_view name, std::string_view meta) {
  out->key(name);
  if (meta.empty()) {
    out->null();
  } else {
    out->as_written(meta);
  }
}

void put_refusal(json::Writer *out, std::string_view name, const UsageRecord &usage) {
  out->key(name);
  if (usage.refused_s == 0 || usage.refusal >= kReasonCount) {
    out->null();
    return;
  }
  out->begin_object().member("reason", info(static_cast<Reason>(usage.refusal)).name);
  put_time(out, "at", usage.refused_s);
  out->end_object();
}

void put_member(json::Writer *out, Member member, std::string_view name, const Described &of) {
  const KeyRecord &key = of.key;
  switch (member) {
    case Member::id:
      out->member(name, key.id);
      break;
    case Member::name:
      out->member(name, key.name);
      break;
    case Member::key:
      put_key(out, name, of);
      break;
    case Member::preview:
      put_text(out, name, preview_text(of.shape, key.preview));
      break;
    case Member::subject:
      put_text(out, name, key.subject);
      break;
    case Member::plan:
      put_text(out, name, key.plan);
      break;
    case Member::scopes:
      put_scopes(out, name, key.scopes);
      break;
    case Member::limits:
      put_rates(out, name, key.limits);
      break;
    case Member::concurrency:
      out->key(name);
      if (key.concurrency == 0) {
        out->null();
      } else {
        out->number(key.concurrency);
      }
      break;
    case Member::allow_from:
      put_networks(out, name, key.allow_from);
      break;
    case Member::meta:
      put_meta(out, name, key.meta);
      break;
    case Member::state:
      out->member(name, keys::effective_state(key, of.now_s));
      break;
    case Member::is_active:
      out->key(name).boolean(keys::is_active(key, of.now_s));
      break;
    case Member::verifier:
      out->member(name, to_text(key.verifier_kind));
      break;
    case Member::created_at:
      put_time(out, name, key.created_at_s);
      break;
    case Member::expires_at:
      put_time(out, name, key.expires_at_s);
      break;
    case Member::changed_at:
      put_time(out, name, key.changed_at_s);
      break;
    case Member::last_used_at:
      put_time(out, name, of.usage.last_used_s);
      break;
    case Member::uses:
      out->key(name).number(static_cast<std::int64_t>(of.usage.uses));
      break;
    case Member::last_refusal:
      put_refusal(out, name, of.usage);
      break;
    case Member::predecessor:
      put_text(out, name, key.predecessor);
      break;
    case Member::successor:
      put_text(out, name, key.successor);
      break;
    case Member::overlap_until:
      put_time(out, name, key.overlap_until_s);
      break;
    case Member::overlap:
    case Member::pkce_challenge:
    case Member::code_verifier:
      break;  // of requests
  }
}

}  // namespace

void put_text(json::Writer *out, std::string_view name, std::string_view text) {
  out->key(name);
  if (text.empty()) {
    out->null();
  } else {
    out->string(text);
  }
}

void put_time(json::Writer *out, std::string_view name, std::int64_t time_s) {
  put_text(out, name, time_s == 0 ? std::string() : to_rfc3339(time_s));
}

void put_scopes(json::Writer *out, std::string_view name, const OptionalList<std::string> &scopes) {
  out->key(name);
  if (!scopes.present) {
    out->null();
    return;
  }
  out->begin_array();
  for (const std::string &scope : scopes.items) {
    out->string(scope);
  }
  out->end_array();
}

void put_rates(json::Writer *out, std::string_view name, const OptionalList<Rate> &rates) {
  out->key(name);
  if (!rates.present) {
    out->null();
    return;
  }
  out->begin_array();
  for (const Rate &rate : rates.items) {
    out->string(to_text(rate));
  }
  out->end_array();
}

void write_key(json::Writer *out, const Shape &shape, const KeyRecord &key, const UsageRecord &usage,
               std::int64_t now_s, std::string_view secret) {
  const Described of{shape, key, usage, now_s, secret};
  out->begin_object();
  for (const auto &[member, name] : shape.names.shown()) {
    put_member(out, member, name, of);
  }
  out->end_object();
}

}  // namespace keyward::api
