// Where an issuer's keys are fetched from, and what names that place wherever its set is kept.
#pragma once

#include <memory>
#include <string>

#include "base/bytes.hpp"
#include "fetch/fetch_schedule.hpp"
#include "fetch/http_fetch.hpp"

namespace keyward {

struct FetchSource {
  std::string issuer;     // its name, for the log
  FetchRequest request;   // of the keys, or of the metadata that say where these are
  std::string discovers;  // the issuer's URL, of which the metadata are (fetch/discovery.hpp); empty: no metadata
  std::string jwks_host;  // of these: another host that may have the keys, in lower case
  FetchPlan plan;
  std::string cache;  // a file; empty: the store's usage environment, where there is a store

  // A set belongs to the URL it was fetched from and the certificates that were trusted for it. Sources of one name
  // share a set.
  Sha256 name() const;
};

}  // namespace keyward
