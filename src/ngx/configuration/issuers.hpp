// Who signs tokens that keyward knows (keyward_issuer): the rules of each, and where its keys are.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "auth/shared_subjects.hpp"
#include "jwt/issuer.hpp"
#include "jwt/key_file.hpp"
#include "jwt/key_set.hpp"
#include "ngx/configuration/key_file_stamp.hpp"

namespace keyward {

// Where an issuer's keys come from: one place, and how it is used.
struct KeyPlace {
  enum class From { jwks_uri, discovery, jwks_file, public_key, secret_file };
  From from = From::jwks_uri;
  bool is_fetched() const noexcept { return from == From::jwks_uri || from == From::discovery; }
  std::string where;                 // the URL as it was written (of discovery: of the metadata), or an absolute path
  std::string discovers, jwks_host;  // of discovery: FetchSource's
  jwt::KeyFileKind kind = jwt::KeyFileKind::key_set;  // of a file
  // Of what is fetched only.
  std::int64_t refresh_s = 900, stale_s = 86400;
  std::string cache, ca;                            // absolute paths; empty: the default
  bool plain = false;                               // http
  std::shared_ptr<const std::string> certificates;  // what ca= holds, read by the master; nullptr without it
};

// One keyward_issuer, known by its place among them.
struct IssuerConfiguration {
  jwt::Issuer rules;
  KeyPlace keys;
  std::string place;                          // for messages: "in /etc/nginx/nginx.conf:12"
  std::shared_ptr<const jwt::KeySet> loaded;  // of a file, by the master; of what is fetched: nullptr
  KeyFileStamp loaded_from;                   // the file as it was then
  bool loaded_settled = false;                // it can't have changed since without looking so
  SharedSubjects shared_subjects;             // set once all issuers are known
};

}  // namespace keyward
