// A walk through the configuration, as nginx reads it: into each include, and with its words for what is wrong in a block.
#include "cli/issuer_config.hpp"

#include <set>

#include "auth/issuer_rules.hpp"
#include "base/digest.hpp"
#include "base/nginx_text.hpp"
#include "base/quote.hpp"
#include "cli/nginx_dump.hpp"
#include "jwt/key_file.hpp"

namespace keyward::cli {
namespace {

constexpr int kMaxDepth = 64;  // of files that include each other
constexpr std::size_t kMaxIncludes = 100000;

KeysFrom keys_from(std::string_view name) {
  return name == "jwks_uri"      ? KeysFrom::jwks_uri
         : name == "jwks_file"   ? KeysFrom::jwks_file
         : name == "public_key"  ? KeysFrom::public_key
         : name == "secret_file" ? KeysFrom::secret_file
                                 : KeysFrom::none;
}

bool has(std::string_view text, std::string_view word) noexcept { return text.find(word) != std::string_view::npos; }

class Walk {
 public:
  Walk(const NginxDump &dump, std::string folder, std::vector<ConfiguredIssuer> *issuers)
      : dump_(dump), folder_(std::move(folder)), issuers_(issuers) {}

  Outcome run(std::vector<std::string> *remarks) {
    if (!read(dump_.main())) {
      return wrong_usage("--conf: " + error_);
    }
    if (!passed_over_.empty()) {
      remarks->push_back(dump_.is_whole()
                             ? quote(passed_over_) + ", which is included, is not in what `nginx -T` printed"
                             : quote(passed_over_) +
                                   " and whatever else is included wasn't looked at; `nginx -T` prints it, too");
    }
    return done();
  }

 private:
  bool read(const NginxDump::File &file) {
    const NginxVisitor visitor = {
        [&](const Words &words, std::size_t, bool opens) { return on_directive(words, opens); },
        [&](std::size_t) { return on_close(); }};
    std::string error;
    const bool good = read_nginx(file.text, visitor, &error);
    if (!good && error_.empty()) {  // the innermost file says it
      error_ = (file.name.empty() ? "" : quote(file.name) + ": ") + error;
    }
    return good;
  }

  Wrong on_directive(const Words &words, bool opens) {
    depth_ += opens ? 1 : 0;
    if (words[0] == "include" && words.size() == 2 && !opens) {
      return include(words[1]);
    }
    if (inside_ == 0) {
      return words[0] == "keyward_issuer" && opens ? begin(words) : kGood;
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

  Wrong on_close() {
    if (inside_ == depth_--) {
      inside_ = 0;
      if (issuers_->back().from == KeysFrom::none) {
        return "keyward_issuer \"" + issuers_->back().rules.name + "\" has no keys";
      }
    }
    return kGood;
  }

  Wrong include(std::string_view name) {
    if (inside_ != 0 && !dump_.is_whole()) {
      return "\"include\" in a keyward_issuer can't be followed in a file by itself; name one with what `nginx -T` "
             "prints, which has what is included, too";
    }
    std::vector<NginxDump::File> files;
    if (!dump_.is_whole() || !dump_.find(name, &files)) {
      if (inside_ != 0) {
        return "\"include\" in a keyward_issuer: " + quote(name) + " is not in what `nginx -T` printed";
      }
      passed_over_ = passed_over_.empty() ? std::string(name) : passed_over_;
      return kGood;
    }
    for (const auto &file : files) {
      if (inside_ == 0 && !has(file.text, "keyward_issuer") && !has(file.text, "include")) {
        continue;
      }
      if (open_ == kMaxDepth || ++includes_ > kMaxIncludes) {
        return "\"include\" of " + quote(name) + " leads around, or into too many files";
      }
      ++open_;
      const bool good = read(file);
      --open_;
      if (!good) {
        return Wrong("it is wrong");  // error_ says how
      }
    }
    return kGood;
  }

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
        return "is one source of keys too many";
      }
      if (words.size() < 2 || (words.size() > 2 && from != KeysFrom::jwks_uri)) {
        return "has the wrong number of arguments";
      }
      issuer.from = from;
      issuer.rules.fetches_keys = from == KeysFrom::jwks_uri;
      issuer.where = words[1];
      if (from != KeysFrom::jwks_uri && issuer.where.substr(0, 1) != "/") {
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

  const NginxDump &dump_;
  std::string folder_;
  std::vector<ConfiguredIssuer> *issuers_;
  std::string error_, passed_over_;
  std::size_t includes_ = 0;
  int open_ = 0;  // files, beside the main one
  std::set<std::string, std::less<>> seen_;
  int depth_ = 0, inside_ = 0;  // inside_: how deep the block is that we are in; 0: none
};

jwt::KeyFileKind kind_of(KeysFrom from) noexcept {
  switch (from) {
    case KeysFrom::public_key:
      return jwt::KeyFileKind::public_key;
    case KeysFrom::secret_file:
      return jwt::KeyFileKind::secret;
    case KeysFrom::jwks_file:
      return jwt::KeyFileKind::key_set;
    case KeysFrom::jwks_uri:
    case KeysFrom::none:
      break;
  }
  return jwt::KeyFileKind::fetched_set;
}

}  // namespace

Outcome read_issuers(std::string_view text, const std::string &base, std::vector<ConfiguredIssuer> *issuers,
                     std::vector<std::string> *remarks) {
  const NginxDump dump(text);
  return Walk(dump, dump.prefix().empty() ? base : std::string(dump.prefix()), issuers).run(remarks);
}

Outcome load_issuer_keys(const std::string &path, ConfiguredIssuer *issuer, std::vector<std::string> *remarks) {
  std::string text, error;
  if (!jwt::read_key_file(path, &text, &error)) {
    return wrong_usage(error);
  }
  jwt::KeyFile file = jwt::parse_key_file(text, kind_of(issuer->from), issuer->rules.algorithms);
  wipe(text.data(), text.size());
  for (const auto &clause : file.warnings) {
    remarks->push_back(quote(path) + ": " + clause);
  }
  issuer->keys = std::move(file.keys);
  return issuer->keys != nullptr ? done()
                                 : wrong_usage(quote(path) + ": " + file.error +
                                               (file.holds_secret ? ", for --secret or \"secret_file\"" : ""));
}

}  // namespace keyward::cli
