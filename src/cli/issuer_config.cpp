// What `nginx -T` prints: each file behind a comment with its name, the main one first. Relative paths are relative to that one's folder.
#include "cli/issuer_config.hpp"

#include <set>

#include "auth/issuer_rules.hpp"
#include "base/digest.hpp"
#include "base/nginx_text.hpp"
#include "base/quote.hpp"
#include "jwt/key_file.hpp"

namespace keyward::cli {
namespace {

constexpr std::string_view kFileMark = "# configuration file ";

std::string folder_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? "." : std::string(path.substr(0, slash == 0 ? 1 : slash));
}

// "# configuration file /etc/nginx/nginx.conf:"
std::string folder_in(std::string_view text, const std::string &otherwise) {
  const std::size_t mark = text.find(kFileMark);
  const std::size_t end = mark == std::string_view::npos ? mark : text.find(":\n", mark);
  return end == std::string_view::npos ? otherwise
                                       : folder_of(text.substr(mark + kFileMark.size(), end - mark - kFileMark.size()));
}

KeysFrom keys_from(std::string_view name) {
  return name == "jwks_uri"      ? KeysFrom::jwks_uri
         : name == "jwks_file"   ? KeysFrom::jwks_file
         : name == "public_key"  ? KeysFrom::public_key
         : name == "secret_file" ? KeysFrom::secret_file
                                 : KeysFrom::none;
}

class Blocks {
 public:
  Blocks(std::string folder, std::vector<ConfiguredIssuer> *issuers) : folder_(std::move(folder)), issuers_(issuers) {}

  Wrong on_directive(const Words &words, bool opens) {
    depth_ += opens ? 1 : 0;
    if (inside_ == 0) {
      return words[0] == "keyward_issuer" && opens ? begin(words) : kGood;
    }
    const std::string name(words[0]);
    if (opens) {
      return '"' + name + "\" can't be a block in a keyward_issuer";
    }
    if (name == "include") {
      return "\"include\" in a keyward_issuer can't be followed; put its directives in its place";
    }
    const Wrong wrong = inside(words);
    return wrong
               ? Wrong('"' + name + "\" directive in keyward_issuer \"" + issuers_->back().rules.name + "\": " + *wrong)
               : kGood;
  }
  Wrong on_close() {
    if (inside_ == depth_--) {
      inside_ = 0;
      if (inside_ == 0 && issuers_->back().from == KeysFrom::none) {
        return "keyward_issuer \"" + issuers_->back().rules.name + "\" has no keys";
      }
    }
    return kGood;
  }

 private:
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
        issuer.where = folder_ + '/' + issuer.where;
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

Outcome read_issuers(std::string_view text, const std::string &base, std::vector<ConfiguredIssuer> *issuers) {
  Blocks blocks(folder_in(text, base), issuers);
  const NginxVisitor visitor = {
      [&](const Words &words, std::size_t, bool opens) { return blocks.on_directive(words, opens); },
      [&](std::size_t) { return blocks.on_close(); }};
  std::string error;
  return read_nginx(text, visitor, &error) ? done() : wrong_usage("--conf: " + error);
}

Outcome load_issuer_keys(const std::string &path, ConfiguredIssuer *issuer, std::vector<std::string> *remarks) {
  std::string text, error;
  if (!jwt::read_key_file(path, &text, &error)) {
    return wrong_usage(error);
  }
  jwt::KeyFile file = jwt::parse_key_file(text, kind_of(issuer->from), issuer->rules.algorithms);
  wipe(text.data(), text.size());
  for (const auto &clause : file.left_out) {
    remarks->push_back(quote(path) + ": " + clause);
  }
  issuer->keys = std::move(file.keys);
  return issuer->keys != nullptr ? done()
                                 : wrong_usage(quote(path) + ": " + file.error +
                                               (file.holds_secret ? ", for --secret or \"secret_file\"" : ""));
}

}  // namespace keyward::cli
