// keyward_issuer blocks, read from nginx's configuration by the command.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/outcome.hpp"
#include "jwt/issuer.hpp"
#include "jwt/key_file.hpp"
#include "jwt/key_set.hpp"

namespace keyward::cli {

enum class KeysFrom { none, jwks_uri, discovery, jwks_file, public_key, secret_file };

struct ConfiguredIssuer {
  jwt::Issuer rules;
  KeysFrom from = KeysFrom::none;
  std::string where;  // the URL, or the file's path
  bool is_fetched() const noexcept { return from == KeysFrom::jwks_uri || from == KeysFrom::discovery; }
  jwt::KeyFileKind secret_kind = jwt::KeyFileKind::secret;
  std::shared_ptr<const jwt::KeySet> keys;
};

// All blocks in the output of `nginx -T`, in the order in which nginx reads them, or in a file of nginx's configuration
// by itself, whose includes aren't followed: a remark says so. Nothing of the rest is looked at. base: the folder, with
// a slash, that paths are relative to where the text doesn't say it itself.
Outcome read_issuers(std::string_view text, const std::string &base, std::vector<ConfiguredIssuer> *issuers,
                     std::vector<std::string> *remarks);

// One or more keys for issuer->rules out of a file, as its `from` says. Keys of a set that can't be used are named in
// remarks.
Outcome load_issuer_keys(const std::string &path, ConfiguredIssuer *issuer, std::vector<std::string> *remarks);

}  // namespace keyward::cli
