// keyward_issuer NAME { ... }: its own directives, and what only the whole block shows.
#include <set>

#include "auth/issuer_rules.hpp"
#include "base/digest.hpp"
#include "base/text_rules.hpp"
#include "fetch/certificates.hpp"
#include "fetch/discovery.hpp"
#include "fetch/url.hpp"
#include "jwt/key_file.hpp"
#include "ngx/configuration/directive.hpp"
#include "ngx/configuration/reading.hpp"

namespace keyward {
namespace {

using From = KeyPlace::From;

// A block while it is read.
struct Block {
  IssuerConfiguration *issuer;
  std::set<std::string, std::less<>> seen;
  bool has_keys = false;
  bool names_algorithms = false;
};

// --- keys ------------------------------------------------------------------------------------------------------

// Quotes nothing of it: a password may be in there.
Wrong check_url(std::string_view text, bool plain) {
  Url url;
  std::string error;
  if (!parse_url(text, &url, &error)) {
    return "the URL " + error + "; write https://HOST/PATH";
  }
  if (url.tls && plain) {
    return "\"plain\" is for http only; leave it out";
  }
  if (!url.tls && !plain) {
    return quoted(url.shown) +
           " is not encrypted, so anyone on the network path could replace the keys; write https, or add " +
           "\"plain\" after the URL if you trust that network";
  }
  return kGood;
}

constexpr std::string_view kSources = "jwks_uri, discovery, jwks_file, public_key and secret_file";

Wrong begin_keys(Block *block, From from) {
  if (block->has_keys) {
    return "is a second source of keys; write only one of " + std::string(kSources);
  }
  block->has_keys = true;
  block->issuer->keys.from = from;
  return kGood;
}

Wrong unknown_fetch_parameter(std::string_view word, From from) {
  return "unknown parameter " + quoted(word) + "; it may be refresh=TIME, stale=TIME, cache=FILE, ca=FILE or " +
         (from == From::discovery ? "jwks_host=HOST" : "\"plain\"");
}

Wrong set_refresh(const Given &given, KeyPlace *keys) { return parse_seconds(given.value, 1, &keys->refresh_s); }

Wrong set_stale(const Given &given, KeyPlace *keys) { return parse_seconds(given.value, 1, &keys->stale_s); }

template <std::string KeyPlace::*File>
Wrong set_fetch_file(const Given &given, KeyPlace *keys) {
  if (given.value.empty()) {
    return unknown_fetch_parameter(given.word, keys->from);
  }
  keys->*File = full_path(given.cf, given.value);
  return kGood;
}

// By name or address, as a URL has it.
Wrong set_jwks_host(const Given &given, KeyPlace *keys) {
  if (keys->from != From::discovery) {
    return unknown_fetch_parameter(given.word, keys->from);
  }
  Url url;
  std::string error;
  const std::string text = "https://" + std::string(given.value) + '/';
  const std::size_t brackets = given.value.substr(0, 1) == "[" ? 2 : 0;
  if (!parse_url(text, &url, &error) || text.size() != url.path_at + 1 ||
      url.host.size() + brackets != given.value.size()) {
    return "bad host in " + quoted(given.word) + "; write a host alone, such as jwks_host=keys.example.com";
  }
  keys->jwks_host = url.host;
  return kGood;
}

constexpr Parameter<KeyPlace> kFetchParameters[] = {
    {"jwks_host", set_jwks_host},
    {"refresh", set_refresh},
    {"stale", set_stale},
    {"cache", set_fetch_file<&KeyPlace::cache>},
    {"ca", set_fetch_file<&KeyPlace::ca>},
};

// All that follows the URL, of which each may be there once.
Wrong read_fetch_parameters(ngx_conf_t *cf, const Words &words, KeyPlace *keys) {
  std::set<std::string_view> seen;
  for (std::size_t i = 2; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (!seen.insert(word.substr(0, word.find('='))).second) {
      return quoted(word) + " is there twice";
    }
    Wrong wrong;
    if (word == "plain" && keys->from == From::jwks_uri) {
      keys->plain = true;
    } else if (!read_parameter(kFetchParameters, cf, word, keys, &wrong)) {
      wrong = unknown_fetch_parameter(word, keys->from);
    }
    if (wrong) {
      return wrong;
    }
  }
  return keys->stale_s < keys->refresh_s ? Wrong(
                                               "\"stale=\" is less than \"refresh=\", so that there would be no keys "
                                               "in between; write a longer time")
                                         : kGood;
}

Wrong set_discovery(ngx_conf_t *cf, const Words &words, Block *block) {
  if (Wrong wrong = begin_keys(block, From::discovery)) {
    return wrong;
  }
  KeyPlace &keys = block->issuer->keys;
  MetadataPlaces places;
  std::string error;
  if (!find_metadata(words[1], &places, &error)) {
    return "the URL " + error + "; write https://HOST/PATH, as the tokens' \"iss\" has it";
  }
  keys.discovers = words[1];
  keys.where = places.openid.text;
  block->issuer->rules.issuers = {keys.discovers};
  return read_fetch_parameters(cf, words, &keys);
}

Wrong set_jwks_uri(ngx_conf_t *cf, const Words &words, Block *block) {
  if (Wrong wrong = begin_keys(block, From::jwks_uri)) {
    return wrong;
  }
  KeyPlace &keys = block->issuer->keys;
  keys.where = words[1];
  if (Wrong wrong = read_fetch_parameters(cf, words, &keys)) {
    return wrong;
  }
  if (keys.plain && !keys.ca.empty()) {
    return "\"ca=\" is for https only; leave it out";
  }
  return check_url(words[1], keys.plain);
}

template <From Place>
Wrong set_key_file(ngx_conf_t *cf, const Words &words, Block *block) {
  if (Wrong wrong = begin_keys(block, Place)) {
    return wrong;
  }
  if (words[1].empty()) {
    return "is empty; write the path of a file";
  }
  KeyPlace &keys = block->issuer->keys;
  keys.where = full_path(cf, words[1]);
  keys.kind = Place == From::public_key    ? jwt::KeyFileKind::public_key
              : Place == From::secret_file ? jwt::KeyFileKind::secret
                                           : jwt::KeyFileKind::key_set;
  const bool good = words.size() == 2 || jwt::parse_secret_kind(words[2], &keys.kind);
  return good ? kGood
              : Wrong("unknown form " + quoted(words[2]) +
                      "; it may be base64url or hex, and without either the secret is the file as it is");
}

// --- the block -------------------------------------------------------------------------------------------------

struct Directive {
  std::string_view name;
  std::size_t least, most;  // words, without the name
  Wrong (*set)(ngx_conf_t *, const Words &, Block *);
};
// A second source of keys is told as such, so these may repeat here.
constexpr Directive kKeyDirectives[] = {
    {"jwks_uri", 1, 6, set_jwks_uri},
    {"discovery", 1, 6, set_discovery},
    {"jwks_file", 1, 1, set_key_file<From::jwks_file>},
    {"public_key", 1, 1, set_key_file<From::public_key>},
    {"secret_file", 1, 2, set_key_file<From::secret_file>},
};

Wrong set_inside(ngx_conf_t *cf, const Words &words, Block *block) {
  const auto *keys = std::find_if(std::begin(kKeyDirectives), std::end(kKeyDirectives),
                                  [&](const Directive &one) { return one.name == words[0]; });
  const bool is_keys = keys != std::end(kKeyDirectives);
  const IssuerRule *rule = find_issuer_rule(words[0]);
  if (!is_keys && rule == nullptr) {
    std::string names;
    for (const Directive &one : kKeyDirectives) {
      names += std::string(one.name) + ", ";
    }
    return "is unknown here; it must be one of " + names + issuer_rule_names();
  }
  const std::size_t given = words.size() - 1;
  if (given < (is_keys ? keys->least : rule->least) || given > (is_keys ? keys->most : rule->most)) {
    return "has the wrong number of arguments";
  }
  if (is_keys) {
    return keys->set(cf, words, block);
  }
  if (!block->seen.emplace(words[0]).second && !rule->repeatable) {
    return "is duplicate";
  }
  block->names_algorithms = block->names_algorithms || words[0] == "algorithms";
  return rule->set(words, &block->issuer->rules);
}

// nginx's custom handler: called for each line of the block.
char *on_line(ngx_conf_t *cf, ngx_command_t *command, void *conf) noexcept {
  return guarded(static_cast<char *>(NGX_CONF_ERROR), [&]() -> char * {
    auto *block = static_cast<Block *>(conf);
    const Words words = words_of(cf);
    if (words[0] == "include") {
      return ngx_conf_include(cf, command, conf);
    }
    if (const Wrong wrong = set_inside(cf, words, block)) {
      ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%s\" directive in keyward_issuer \"%s\": %s",
                         std::string(words[0]).c_str(), block->issuer->rules.name.c_str(), wrong->c_str());
      return static_cast<char *>(NGX_CONF_ERROR);
    }
    return NGX_CONF_OK;
  });
}

Wrong check_name(const MainConfiguration &main, std::string_view name) {
  if (!is_issuer_name(name)) {
    return "bad name " + quoted(name) + "; write up to 64 letters, digits, \"-\", \"_\" and \".\"";
  }
  if (is_accept_word(name)) {
    return quoted(name) + " is a word of keyward_accept; write another name";
  }
  for (const auto &other : main.issuers) {
    if (other->rules.name == name) {
      return quoted(name) + " is duplicate; it stands " + other->place;
    }
  }
  return kGood;
}

// What only the whole block shows.
Wrong check_block(const Block &block) {
  if (!block.has_keys) {
    return "has no keys; write one of " + std::string(kSources);
  }
  if (block.issuer->keys.from == From::discovery && block.seen.count("issuer") != 0) {
    return "has both \"discovery\" and \"issuer\"; the URL of discovery is the issuer: leave \"issuer\" out";
  }
  const jwt::Issuer &rules = block.issuer->rules;
  for (const crypto::Algorithm algorithm :
       {crypto::Algorithm::hs256, crypto::Algorithm::hs384, crypto::Algorithm::hs512}) {
    if (block.names_algorithms && block.issuer->keys.from != From::secret_file && rules.algorithms.has(algorithm)) {
      const std::string name(to_text(algorithm));
      return quoted(name) + " in \"algorithms\" is for secret_file only, and this issuer has public keys; leave it out";
    }
  }
  return kGood;
}

// Of ca=, only looked at here.
void load_certificates(Reading *reading, IssuerConfiguration *issuer) {
  KeyPlace &keys = issuer->keys;
  if (keys.ca.empty()) {
    return;
  }
  auto pem = std::make_shared<std::string>();
  std::string error;
  if (jwt::read_key_file(keys.ca, pem.get(), &error) && count_certificates(*pem) == 0) {
    error = quoted(keys.ca) + " holds no certificates in PEM, or damaged ones";
  }
  if (!error.empty()) {
    reading->problems.push_back("keyward_issuer \"" + issuer->rules.name + "\" " + issuer->place +
                                " has no certificates to trust: " + error);
  }
  keys.certificates = std::move(pem);  // also without any: then nobody is trusted
}

// The master reads what workers may not.
void load(Reading *reading, IssuerConfiguration *issuer, ngx_conf_t *cf) {
  if (issuer->keys.is_fetched()) {
    load_certificates(reading, issuer);
    return;
  }
  LoadedKeys loaded = reading->key_files.load(*issuer);
  issuer->loaded_from = loaded.stamp;
  issuer->loaded_settled = loaded.settled;
  if (loaded.keys == nullptr) {
    reading->problems.push_back("keyward_issuer \"" + issuer->rules.name + "\" " + issuer->place +
                                " has no keys: " + loaded.error);
    return;
  }
  issuer->loaded = std::move(loaded.keys);
  for (const std::string &warning : loaded.warnings) {
    ngx_log_error(NGX_LOG_WARN, cf->log, 0, "keyward_issuer \"%s\" %s: %s", issuer->rules.name.c_str(),
                  issuer->place.c_str(), warning.c_str());
  }
}

Wrong read_block(ngx_conf_t *cf, MainConfiguration *main, bool *logged) {
  if (!init_crypto()) {
    return "can't be read: libsodium can't be used";
  }
  const Words words = words_of(cf);
  if (Wrong wrong = check_name(*main, words[1])) {
    return wrong;
  }
  auto issuer = std::make_unique<IssuerConfiguration>();
  issuer->rules.name = words[1];
  issuer->place = place_of(cf);
  Block block = {issuer.get(), {}, false, false};

  const ngx_conf_t saved = *cf;
  cf->handler = on_line;
  cf->handler_conf = &block;
  const char *result = ngx_conf_parse(cf, nullptr);
  *cf = saved;
  if (result != NGX_CONF_OK) {
    *logged = true;
    return kGood;
  }
  if (Wrong wrong = check_block(block)) {
    return quoted(issuer->rules.name) + ' ' + *wrong;
  }
  issuer->rules.fetches_keys = issuer->keys.is_fetched();
  load(&reading_of(cf), issuer.get(), cf);
  main->issuers.push_back(std::move(issuer));
  return kGood;
}

}  // namespace

char *set_issuer(ngx_conf_t *cf, ngx_command_t *command, void *conf) noexcept {
  return guarded(static_cast<char *>(NGX_CONF_ERROR), [&]() -> char * {
    auto *main = static_cast<MainConfiguration *>(conf);
    main->configured = true;
    bool logged = false;
    if (const Wrong wrong = read_block(cf, main, &logged)) {
      ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" directive: %s", &command->name, wrong->c_str());
      logged = true;
    }
    return logged ? static_cast<char *>(NGX_CONF_ERROR) : NGX_CONF_OK;
  });
}

}  // namespace keyward
