// The members of an import's line that say how its key is found and proven.
#pragma once

#include <string>
#include <string_view>

#include "json/json.hpp"
#include "keys/import_batch.hpp"

namespace keyward::cli {

struct VerifierMembers {
  Sha256 sha256 = {}, hmac_sha256 = {};
  Sha512 sha512 = {};
  Locator locator = {};
  LocatorKind locator_kind = LocatorKind::sha256;
  std::string_view bcrypt, hash, prefix, plain;
  bool has_sha256 = false, has_sha512 = false, has_hmac = false, has_locator = false, has_locator_kind = false;
  bool has_bcrypt = false, has_hash = false, has_prefix = false, has_plain = false;
};

// A member of these, by its name. false with a sentence in error. *known: whether it is one.
bool take_verifier_member(std::string_view name, const json::Value &value, VerifierMembers *members, bool *known,
                          std::string *error);
// Their names, separated by commas.
std::string names_of_verifier_members();

// What they come to together, in key->record; and whether what it shows hides the key. false with a sentence in error.
bool take_verifier(const VerifierMembers &members, const keys::ImportRules &rules, keys::ImportedKey *key,
                   std::string *error);

}  // namespace keyward::cli
