// keyward_issuer blocks, with nginx's words for what is wrong in one.
#include "cli/issuer_config.hpp"

#include <set>

#include "auth/issuer_rules.hpp"
#include "base/digest.hpp"
#include "base/quote.hpp"
#include "cli/nginx_walk.hpp"
#include "jwt/key_file.hpp"

namespace keyward::cli {
namespace {

KeysFrom keys_from(std::string_view name) {
  return name == "jwks_uri"      ? KeysFrom::jwks_uri
         : name == "discovery"   ? KeysFrom::discovery
         : name == "jwks_file"   ? KeysFrom::jwks_file
         : name == "public_key"  ? KeysFrom::public_key
         : name == "secret_file" ? KeysFrom::secret_file
                                 : KeysFrom::none;
}

class Blocks : public NginxReader {
 public:
  Blocks(std::string folder, std::vector<ConfiguredIssuer> *issuers) : folder_(std::move(folder)), issuers_(issuers) {}

  std::string_view block() const override { return inside_ != 0 ? kBlock : std::string_view(); }
  bool wants(std::string_view text) const override { return text.find(kBlock) != std::string_view::npos; }

  Wrong on_directive(const Words &words, bool opens) override {
    depth_ += opens ? 1 : 0;
    if (inside_ == 0) {
      return words[0] == kBlock && opens ? begin(words) : kGood;
    }
    const std::string name(words[0]);
    if (opens) {
      return '"' + name + "\" can't be a block in a keyward_issuer";
    }
    const Wrong wrong = inside(words);
    return wrong
               ? Wrong('"' + name + "\" directive in keyward_issuer \"" + issuers_->back().rules.name + "\": " + *wrong)
               : kGood;
  }

  Wrong on_close() override {
    if (inside_ == depth_--) {
      inside_ = 0;
      if (issuers_->back().from == KeysFrom::none) {
        return "keyward_issuer \"" + issuers_->back().rules.name + "\" has no keys";
      }
      if (issuers_->back().from == KeysFrom::discovery && seen_.count("issuer") != 0) {
        return "keyward_issuer \"" + issuers_->back().rules.name + "\" has both \"discovery\" and \"issuer\"";
      }
    }
    return kGood;
  }

 private:
  static constexpr std::string_view kBlock = "keyward_issuer";

  Wrong begin(const Words &words) {
    if (words.size() != 2) {
      return "keyward_issuer has one argument, its name";
    }
    inside_ = depth_;
    seen_.clear();
    issuers_->emplace_back();
    issuers_->back().rules.name = words[1];
    return kGood;
  }

  Wrong inside(const Words &words) {
    ConfiguredIssuer &issuer = issuers_->back();
    if (const KeysFrom from = keys_from(words[0]); from != KeysFrom::none) {
      if (issuer.from != KeysFrom::none) {
        return "is a second source of keys; write only one";
      }
      const bool has_form = words.size() == 3 && from == KeysFrom::secret_file;
      const bool is_fetched = from == KeysFrom::jwks_uri || from == KeysFrom::discovery;
      if (words.size() < 2 || (words.size() > 2 && !is_fetched && !has_form)) {
        return "has the wrong number of arguments";
      }
      if (has_form && !jwt::parse_secret_kind(words[2], &issuer.secret_kind)) {
        return "unknown form " + quote(words[2]) + "; it may be base64url or hex";
      }
      issuer.from = from;
      issuer.rules.fetches_keys = is_fetched;
      issuer.where = words[1];
      if (from == KeysFrom::discovery) {
        issuer.rules.issuers.emplace_back(words[1]);
      }
      if (!is_fetched && issuer.where.substr(0, 1) != "/") {
        issuer.where = folder_ + issuer.where;
      }
      return kGood;
    }
    const IssuerRule *rule = find_issuer_rule(words[0]);
    if (rule == nullptr) {
      return "is unknown";
    }
    if (words.size() - 1 < rule->least || words.size() - 1 > rule->most) {
      return "has the wrong number of arguments";
    }
    if (!seen_.emplace(words[0]).second && !rule->repeatable) {
      return "is duplicate";
    }
    return rule->set(words, &issuer.rules);
  }

  std::string folder_;
  std::vector<ConfiguredIssuer> *issuers_;
  std::set<std::string, std::less<>> seen_;
  int depth_ = 0, inside_ = 0;  // inside_: how deep the block is that we are in; 0: none
};

jwt::KeyFileKind kind_of(const ConfiguredIssuer &issuer) noexcept {
  switch (issuer.from) {
    case KeysFrom::public_key:
      return jwt::KeyFileKind::public_key;
    case KeysFrom::secret_file:
      return issuer.secret_kind;
    case KeysFrom::jwks_file:
      return jwt::KeyFileKind::key_set;
    case KeysFrom::jwks_uri:
    case KeysFrom::discovery:
    case KeysFrom::none:
      break;
  }
  return jwt::KeyFileKind::fetched_set;
}

}  // namespace

Outcome read_issuers(std::string_view text, const std::string &base, std::vector<ConfiguredIssuer> *issuers,
                     std::vector<std::string> *remarks) {
  const NginxDump dump(text);
  Blocks blocks(dump.prefix().empty() ? base : std::string(dump.prefix()), issuers);
  return walk_configuration(dump, &blocks, remarks);
}

Outcome load_issuer_keys(const std::string &path, ConfiguredIssuer *issuer, std::vector<std::string> *remarks) {
  std::string text, error;
  if (!jwt::read_key_file(path, &text, &error)) {
    return wrong_usage(error);
  }
  jwt::KeyFile file = jwt::parse_key_file(text, kind_of(*issuer), issuer->rules.algorithms);
  wipe(text.data(), text.size());
  for (const auto &clause : file.warnings) {
    remarks->push_back(quote(path) + ": " + clause);
  }
  issuer->keys = std::move(file.keys);
  return issuer->keys != nullptr ? done()
                                 : wrong_usage(quote(path) + ": " + file.error +
                                               (file.holds_secret ? "; it is for --secret or \"secret_file\"" : ""));
}

}  // namespace keyward::cli
