// Looking after the files that keys came from.
#include "ngx/issuers/issuer_keys.hpp"

#include <utility>

#include "ngx/configuration/key_loading.hpp"

namespace keyward {
namespace {

// Whether verifying with one is verifying with the other.
bool are_same(const jwt::KeySet &a, const jwt::KeySet &b) noexcept {
  if (a.size() != b.size()) {
    return false;
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    const jwt::Key &x = a.keys()[i];
    const jwt::Key &y = b.keys()[i];
    if (x.has_kid != y.has_kid || x.kid != y.kid || !(x.algorithms == y.algorithms) ||
        x.material->id() != y.material->id()) {
      return false;
    }
  }
  return true;
}

}  // namespace

IssuerKeys::IssuerKeys(const MainConfiguration &configuration, ngx_log_t *log)
    : configuration_(configuration), log_(log), sets_(configuration.issuers.size()) {
  for (std::size_t i = 0; i < sets_.size(); ++i) {
    sets_[i].keys = configuration.issuers[i]->loaded;
    sets_[i].stamp = configuration.issuers[i]->loaded_from;
    sets_[i].unsettled = !configuration.issuers[i]->loaded_settled;
    KeyFileStamp now;
    sets_[i].seen = configuration.issuers[i]->loaded && stamp_of(configuration.issuers[i]->keys.where, &now);
  }
}

// The other issuer that has this key, and whose tokens nothing else would tell from this one's; nullptr: there is none.
const jwt::Issuer *IssuerKeys::find_twin(std::size_t issuer, const jwt::Key &key) const {
  const jwt::Issuer &rules = configuration_.issuers[issuer]->rules;
  for (std::size_t other = 0; other < sets_.size(); ++other) {
    const jwt::Issuer &others = configuration_.issuers[other]->rules;
    if (other != issuer && sets_[other].keys && sets_[other].keys->shares(*key.material) &&
        !are_distinct(rules, others)) {
      return &others;
    }
  }
  return nullptr;
}

bool IssuerKeys::adopt(std::size_t issuer, std::shared_ptr<const jwt::KeySet> keys) {
  auto own = std::make_shared<jwt::KeySet>();
  const jwt::Issuer *twin = nullptr;
  for (const jwt::Key &key : keys->keys()) {
    if (const jwt::Issuer *other = find_twin(issuer, key)) {
      twin = other;
    } else {
      own->add(key);
    }
  }
  if (twin != nullptr) {
    keys = std::move(own);
  }
  Set &set = sets_[issuer];
  if (!set.keys || !are_same(*set.keys, *keys)) {
    set.keys = std::move(keys);
    ++changes_;
  }
  if (twin != nullptr && set.told_of != twin) {
    ngx_log_error(NGX_LOG_ERR, log_, 0,
                  "keyward: issuer \"%s\" can't use the keys that issuer \"%s\" has, too; the two must "
                  "differ in \"issuer\", \"type\" or \"require\", or each name an \"audience\" that the other one "
                  "doesn't",
                  configuration_.issuers[issuer]->rules.name.c_str(), twin->name.c_str());
  }
  set.told_of = twin;
  return twin == nullptr;
}

void IssuerKeys::drop(std::size_t issuer) noexcept {
  sets_[issuer].keys.reset();
  ++changes_;
}

void IssuerKeys::note(std::size_t issuer, const std::string &failure) {
  if (sets_[issuer].failure.becomes(failure) && !failure.empty()) {
    ngx_log_error(NGX_LOG_ERR, log_, 0, "keyward: issuer \"%s\" goes on with the keys that it had: %s",
                  configuration_.issuers[issuer]->rules.name.c_str(), failure.c_str());
  }
}

// Whether its file has to be read again.
bool IssuerKeys::is_due(std::size_t issuer, KeyFiles *files) {
  Set &set = sets_[issuer];
  const KeyFileStamp *stamp = files->stamp(configuration_.issuers[issuer]->keys.where);
  if (stamp == nullptr) {
    // A folder that is closed to workers from the beginning is as it should be: then a reload is what reads the file.
    if (set.seen) {
      note(issuer, "its key file can't be accessed any more");
    }
    return false;
  }
  set.seen = true;
  // What another issuer's key stood against is tried again when any set has become another.
  const bool retry = set.refused_at != 0 && set.refused_at != changes_;
  return !(*stamp == set.stamp) || set.unsettled || retry;
}

void IssuerKeys::take(std::size_t issuer, LoadedKeys loaded) {
  const IssuerConfiguration &configured = *configuration_.issuers[issuer];
  Set &set = sets_[issuer];
  const bool changed = !(loaded.stamp == set.stamp);
  if (loaded.keys == nullptr) {
    set.stamp = loaded.stamp;
    set.unsettled = loaded.unread || !loaded.settled;
    set.refused_at = 0;
    if (changed || !loaded.forbidden) {
      note(issuer, loaded.forbidden ? loaded.error + "; reload nginx: its master may read it" : loaded.error);
    }
    return;
  }
  const std::uint64_t before = changes_;
  const bool whole = adopt(issuer, std::move(loaded.keys));
  // Only now: had memory been refused, the next look would have to be at the same.
  set.stamp = loaded.stamp;
  set.unsettled = !loaded.settled;
  set.refused_at = whole ? 0 : changes_;
  if (changes_ != before) {
    ngx_log_error(NGX_LOG_NOTICE, log_, 0, "keyward: issuer \"%s\" has new keys from %s", configured.rules.name.c_str(),
                  configured.keys.where.c_str());
    for (const std::string &warning : loaded.warnings) {
      ngx_log_error(NGX_LOG_WARN, log_, 0, "keyward: %s", warning.c_str());
    }
  }
  note(issuer, std::string());
}

void IssuerKeys::refresh() noexcept {
  // All are read before any is taken, and where memory is refused none is: of two issuers of one file the laxer one
  // must not have its new keys without the other.
  const bool looked = guarded(false, [&] {
    KeyFiles files;
    std::vector<std::pair<std::size_t, LoadedKeys>> due;
    for (std::size_t i = 0; i < sets_.size(); ++i) {
      const IssuerConfiguration &configured = *configuration_.issuers[i];
      if (!configured.keys.is_fetched() && is_due(i, &files)) {
        due.emplace_back(i, files.load(configured));
      }
    }
    for (auto &[issuer, loaded] : due) {
      take(issuer, std::move(loaded));
    }
    return true;
  });
  if (!looked && !told_of_memory_) {
    ngx_log_error(NGX_LOG_ERR, log_, 0, "keyward: issuers go on with the keys that they had: out of memory");
  }
  told_of_memory_ = !looked;
}

}  // namespace keyward
