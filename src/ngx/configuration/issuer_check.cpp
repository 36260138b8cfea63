// References between issuers, locations, plans and the store.
#include "ngx/configuration/issuer_check.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "base/file.hpp"

namespace keyward {
namespace {

std::string named(const IssuerConfiguration &issuer) {
  return "keyward_issuer \"" + issuer.rules.name + "\" " + issuer.place;
}

void check_names(ngx_conf_t *cf, const MainConfiguration &main, Reading *reading) {
  for (const auto &[name, place] : reading->issuers) {
    if (name == "token") {
      if (main.issuers.empty()) {
        ngx_log_error(
            NGX_LOG_WARN, cf->log, 0,
            "\"token\" in keyward_accept %s accepts none: there is no issuer; write \"keyward_issuer NAME { ... "
            "}\" in http",
            place.c_str());
      }
      continue;
    }
    const bool known = std::any_of(main.issuers.begin(), main.issuers.end(),
                                   [&name = name](const auto &issuer) { return issuer->rules.name == name; });
    if (!known) {
      reading->problems.push_back(
          "unknown issuer \"" + name + "\" in keyward_accept " + place + "; define it with \"keyward_issuer " + name +
          " { ... }\" in http, or write one of key, token, anonymous, unprovisioned and preflight");
    }
  }
}

// A set that is fetched holds public keys, whichever these are.
bool may_come_to_share(const IssuerConfiguration &one, const IssuerConfiguration &other) noexcept {
  const auto is_public = [](const IssuerConfiguration &issuer) {
    return issuer.keys.from != KeyPlace::From::secret_file;
  };
  return (one.rules.fetches_keys && is_public(other)) || (other.rules.fetches_keys && is_public(one));
}

// What signs for one must not sign for the other as well, where nothing tells them apart.
void check_pairs(ngx_conf_t *cf, const MainConfiguration &main, Reading *reading) {
  for (std::size_t i = 0; i < main.issuers.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const IssuerConfiguration &one = *main.issuers[i];
      const IssuerConfiguration &other = *main.issuers[j];
      const bool same_place =
          one.keys.from == other.keys.from && one.keys.where == other.keys.where && one.keys.kind == other.keys.kind;
      const bool same_keys = one.loaded && other.loaded && one.loaded->shares_keys_with(*other.loaded);
      if ((same_place || same_keys) && !jwt::are_distinct(one.rules, other.rules)) {
        reading->problems.push_back(
            named(one) + " has a key of issuer \"" + other.rules.name +
            "\", so that it can't be told which of the two has issued a token; let them differ in \"issuer\", "
            "\"type\" or \"require\", or name in each an \"audience\" that the other one doesn't");
      } else if (may_come_to_share(one, other) && !jwt::are_distinct(one.rules, other.rules)) {
        ngx_log_error(
            NGX_LOG_WARN, cf->log, 0,
            "tokens of %s and of issuer \"%s\" differ in nothing but their keys: if both ever publish the same "
            "key, it counts for one of them only; let the two differ in \"issuer\", \"type\" or \"require\", or name "
            "in each an \"audience\" that the other one doesn't",
            named(one).c_str(), other.rules.name.c_str());
      }
      // Else tokens of the one would be left to the other while only that one still has keys.
      if (same_place && one.keys.is_fetched() && one.keys.stale_s != other.keys.stale_s) {
        reading->problems.push_back(named(one) + " fetches its keys from the same URL as issuer \"" + other.rules.name +
                                    "\"; give both the same \"stale=\"");
      }
    }
  }
}

// The file itself is the first fetch's to make.
void check_cache(ngx_conf_t *cf, const IssuerConfiguration &issuer) {
  if (issuer.keys.cache.empty()) {
    return;
  }
  const std::string folder = folder_of(issuer.keys.cache);
  struct stat st = {};
  const bool found = ::stat(folder.c_str(), &st) == 0;
  if (!found || !S_ISDIR(st.st_mode)) {
    ngx_log_error(
        NGX_LOG_WARN, cf->log, 0,
        "\"cache=\" of %s has no folder, so nothing is kept: \"%s\": %s; make it, owned by the user of nginx's workers",
        named(issuer).c_str(), folder.c_str(), found ? "not a directory" : std::strerror(errno));
  }
}

void check_one(const MainConfiguration &main, const IssuerConfiguration &issuer, Reading *reading) {
  const jwt::Issuer &rules = issuer.rules;
  // The store may have plans, too; whoever has one that is nowhere gets no_access.
  if (!rules.plan.empty() && main.store.empty() && main.policy.plans.count(rules.plan) == 0) {
    reading->problems.push_back("unknown plan \"" + rules.plan + "\" in " + named(issuer) +
                                "; define it with \"keyward_plan " + rules.plan + " ...;\" in http");
  }
  if (rules.subject_required && main.store.empty()) {
    reading->problems.push_back("\"subject required\" in " + named(issuer) +
                                " needs a store to look in; write \"keyward_store /var/lib/keyward;\" in http");
  } else if (rules.subject_required && issuer.shared_subjects.is_nowhere()) {
    reading->problems.push_back(
        "\"subject required\" in " + named(issuer) +
        " refuses all tokens, as its subjects belong to another issuer; write \"shared\" in both, or "
        "another \"prefix=\" here");
  }
}

// The denylist and blocked subjects are the store's.
void warn_without_store(ngx_conf_t *cf, const MainConfiguration &main, const std::set<std::size_t> &used) {
  if (!main.store.empty() || used.empty()) {
    return;
  }
  std::string names;
  for (const std::size_t i : used) {
    names += (names.empty() ? "\"" : ", \"") + main.issuers[i]->rules.name + '"';
  }
  ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                "tokens of %s are accepted and there is no store, so that they can't be revoked, nor their subjects "
                "blocked, before they expire; write \"keyward_store /var/lib/keyward;\" in http, and make it with "
                "\"keyward init\"",
                names.c_str());
}

void warn_of_unused(ngx_conf_t *cf, const MainConfiguration &main, const Reading &reading) {
  std::set<std::size_t> used;
  for (const MergedLocation &merged : reading.merged) {
    if (merged.location->enforcement->mode == Mode::off) {
      continue;
    }
    for (const Acceptance &acceptance : merged.location->acceptances) {
      if (acceptance.issuers != nullptr) {
        used.insert(acceptance.issuers->begin(), acceptance.issuers->end());
      }
    }
  }
  warn_without_store(cf, main, used);
  for (std::size_t i = 0; i < main.issuers.size(); ++i) {
    if (used.count(i) == 0) {
      ngx_log_error(NGX_LOG_WARN, cf->log, 0, "%s is accepted nowhere; name it in a keyward_accept, or remove it",
                    named(*main.issuers[i]).c_str());
    }
  }
}

}  // namespace

void check_issuers(ngx_conf_t *cf, const MainConfiguration &main, Reading *reading) {
  for (const auto &issuer : main.issuers) {
    check_one(main, *issuer, reading);
    check_cache(cf, *issuer);
  }
  check_names(cf, main, reading);
  check_pairs(cf, main, reading);
  warn_of_unused(cf, main, *reading);
}

}  // namespace keyward
