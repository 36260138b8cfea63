// Directives of http and server: the store, the zone, key formats, plans, implications, identity, bcrypt.
#include <sys/stat.h>

#include "auth/policy_rules.hpp"
#include "jwt/key_file.hpp"
#include "ngx/configuration/directive.hpp"
#include "ngx/configuration/reading.hpp"

namespace keyward {
namespace {

// A token (RFC 9110, section 5.6.2).
bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

// A protocol as in an Upgrade field: NAME or NAME/VERSION (RFC 9110, section 7.8).
bool is_protocol(std::string_view text) {
  const std::size_t slash = text.find('/');
  return is_token(text.substr(0, slash)) && (slash == std::string_view::npos || is_token(text.substr(slash + 1)));
}

// Read by the master, as its user: workers get it by the fork.
Wrong read_signer(ngx_conf_t *cf, std::string_view word, std::shared_ptr<const jwt::IdentitySigner> *signer) {
  const std::string path = full_path(cf, word);
  std::string pem, error;
  const bool read = jwt::read_key_file(path, &pem, &error);
  auto key = read ? crypto::SigningKey::from_pem(pem, &error) : nullptr;
  wipe(pem.data(), pem.size());
  if (key == nullptr) {
    return read ? quoted(path) + " " + error : error;
  }
  struct stat st = {};
  if (::stat(path.c_str(), &st) == 0 && (st.st_mode & (S_IROTH | S_IWOTH)) != 0) {
    ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                       "everyone may use the key in \"%s\", and say to backends who they are: chmod o= %s",
                       path.c_str(), path.c_str());
  }
  *signer = std::make_shared<const jwt::IdentitySigner>(std::move(key), "keyward");
  return kGood;
}

}  // namespace

Wrong set_identity(ngx_conf_t *cf, const Words &words, ServerConfiguration *conf) {
  if (conf->identity_prefix) {
    return "is duplicate";
  }
  std::optional<std::string_view> signed_by;
  if (words.size() > 2) {
    signed_by = option(words[2], "signed");
    if (!signed_by || signed_by->empty()) {
      return "invalid parameter " + quoted(words[2]) + "; only signed=KEYFILE may follow";
    }
  }
  if (words[1] == "off") {
    if (signed_by) {
      return "off tells backends nothing, so there is nothing to sign; leave \"signed=\" out, or write a prefix";
    }
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
  return signed_by ? read_signer(cf, *signed_by, &conf->signer) : kGood;
}

Wrong set_upgrade(ngx_conf_t *cf, const Words &words, ServerConfiguration *conf) {
  if (conf->upgrades) {
    return "is duplicate; name all protocols in one";
  }
  std::vector<std::string> tokens;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (!is_protocol(words[i])) {
      return quoted(words[i]) +
             " is not a protocol; write names as they stand in the field Upgrade, such as SPDY/3.1, one "
             "after "
             "the other";
    }
    std::string token(words[i]);
    std::transform(token.begin(), token.end(), token.begin(), [](char c) { return static_cast<char>(ngx_tolower(c)); });
    if (std::find(tokens.begin(), tokens.end(), token) != tokens.end()) {
      return quoted(words[i]) + " is there twice; case makes no difference";
    }
    if (token == "h2c") {
      ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                         "\"keyward_upgrade h2c\" lets clients open a tunnel to a backend that speaks HTTP/2, through "
                         "which further requests pass unchecked, with identity fields that a client can forge; let "
                         "clients speak HTTP/2 to nginx (\"http2\" of \"listen\") and use grpc_pass or proxy_pass "
                         "instead");
    }
    tokens.push_back(std::move(token));
  }
  conf->upgrades = std::move(tokens);
  return kGood;
}

Wrong set_store(ngx_conf_t *cf, const Words &words, MainConfiguration *conf) {
  if (!conf->store.empty()) {
    return "is duplicate";
  }
  if (const auto meant = meant_parameter(words[1], {"map_size"})) {
    return quoted(words[1]) + " is not a folder, it looks like a parameter; write the folder first: keyward_store " +
           "/var/lib/keyward " + *meant + ";";
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
  if (conf->zone_bytes != 0) {
    return "is duplicate";
  }
  if (Wrong wrong = parse_size(words[1], &conf->zone_bytes)) {
    return wrong;
  }
  if (conf->zone_bytes < 2 * kMinZoneBytes) {
    return quoted(words[1]) + " is too small; write at least " + std::to_string(2 * kMinZoneBytes / 1024) + "k";
  }
  return kGood;
}

Wrong set_key_format(ngx_conf_t *, const Words &words, MainConfiguration *conf) {
  return add_key_format(words, &conf->formats);
}

Wrong set_plan(ngx_conf_t *, const Words &words, MainConfiguration *conf) {
  Wrong wrong = check_once(words);
  return wrong ? wrong : add_plan(words, &conf->policy);
}

Wrong set_scope_implies(ngx_conf_t *, const Words &words, MainConfiguration *conf) {
  Wrong wrong = check_once(words);
  return wrong ? wrong : add_implication(words, &conf->policy);
}

Wrong set_bcrypt_concurrency(ngx_conf_t *, const Words &words, MainConfiguration *conf) {
  if (conf->bcrypt_concurrency != 0) {
    return "is duplicate";
  }
  const ngx_int_t value = ngx_atoi(borrow(words[1]).data, words[1].size());
  if (value < 1 || value > static_cast<ngx_int_t>(VerifierGate::kMaxPlaces)) {
    return "invalid value " + quoted(words[1]) + "; it is a whole number from 1 to " +
           std::to_string(VerifierGate::kMaxPlaces);
  }
  conf->bcrypt_concurrency = static_cast<std::size_t>(value);
  return kGood;
}

}  // namespace keyward
