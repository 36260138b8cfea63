// Directives of http and server: the store, the zone, key formats, plans, implications, identity, bcrypt.
#include <algorithm>

#include "auth/policy_rules.hpp"
#include "ngx/directive.hpp"

namespace keyward {

Wrong set_identity(ngx_conf_t *, const Words &words, ServerConfiguration *conf) {
  if (conf->identity_prefix) {
    return "is duplicate";
  }
  if (words[1] == "off") {
    conf->identity_prefix = "";
    return kGood;
  }
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  };
  if (words[1].empty() || !std::all_of(words[1].begin(), words[1].end(), good) || words[1].back() == '-') {
    return "bad prefix " + quoted(words[1]) + "; write letters, digits and hyphens, such as X-Keyward, or \"off\"";
  }
  conf->identity_prefix = std::string(words[1]);
  return kGood;
}

Wrong set_store(ngx_conf_t *cf, const Words &words, MainConfiguration *conf) {
  if (!conf->store.empty()) {
    return "is duplicate";
  }
  ngx_str_t path = copy(cf->pool, words[1]);
  if (path.data == nullptr || ngx_conf_full_name(cf->cycle, &path, 0) != NGX_OK) {
    throw std::bad_alloc();
  }
  conf->store = std::string(view(path));
  while (conf->store.size() > 1 && conf->store.back() == '/') {
    conf->store.pop_back();
  }
  conf->store_place = place_of(cf);
  if (words.size() == 3) {
    const auto size = option(words[2], "map_size");
    if (!size) {
      return "invalid parameter " + quoted(words[2]) + "; only map_size=SIZE may follow";
    }
    if (Wrong wrong = parse_size(*size, &conf->usage_map_bytes)) {
      return wrong;
    }
    if (conf->usage_map_bytes < (1U << 20)) {
      return "\"map_size=\" is less than 1m; leave it out, it grows by itself";
    }
  }
  return kGood;
}

Wrong set_zone(ngx_conf_t *, const Words &words, MainConfiguration *conf) {
  if (conf->zone_set) {
    return "is duplicate";
  }
  conf->zone_set = true;
  if (Wrong wrong = parse_size(words[1], &conf->zone_bytes)) {
    return wrong;
  }
  if (conf->zone_bytes < 2 * kMinZoneBytes) {
    return quoted(words[1]) + " is too small; write at least " + std::to_string(2 * kMinZoneBytes / 1024) + "k";
  }
  return kGood;
}

Wrong set_key_format(ngx_conf_t *, const Words &words, MainConfiguration *conf) {
  conf->formats_set = true;
  return add_key_format(words, &conf->formats);
}

Wrong set_plan(ngx_conf_t *, const Words &words, MainConfiguration *conf) { return add_plan(words, &conf->policy); }

Wrong set_scope_implies(ngx_conf_t *, const Words &words, MainConfiguration *conf) {
  return add_implication(words, &conf->policy);
}

Wrong set_bcrypt_concurrency(ngx_conf_t *, const Words &words, MainConfiguration *conf) {
  if (conf->bcrypt_concurrency != 0) {
    return "is duplicate";
  }
  const ngx_int_t value = ngx_atoi(borrow(words[1]).data, words[1].size());
  if (value < 1 || value > static_cast<ngx_int_t>(Gate::kMaxPlaces)) {
    return "invalid value " + quoted(words[1]) + "; it is a whole number from 1 to " + std::to_string(Gate::kMaxPlaces);
  }
  conf->bcrypt_concurrency = static_cast<std::size_t>(value);
  return kGood;
}

}  // namespace keyward
