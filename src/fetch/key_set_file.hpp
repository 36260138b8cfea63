// A fetched key set kept in a file over restarts (jwks_uri ... cache=FILE).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace keyward {

struct KeptKeySet {
  std::int64_t fetched_at_s = 0;  // Unix time
  std::string text;
};

// Both block, and are for threads or a start. name: of where the set comes from (fetch_source.hpp).

// Puts the file in the place of what is there, mode 0600, on the disk when it returns. False with a sentence in error.
bool write_key_set_file(const std::string &path, const Sha256 &name, const KeptKeySet &set, std::string *error);

// What write_key_set_file() wrote, for this name. False with a sentence in error, which is empty where there is no
// file: for a set of another name, a damaged one, one that isn't this user's or root's, and one that others may write,
// as whoever can write it could let anybody in.
bool read_key_set_file(const std::string &path, const Sha256 &name, KeptKeySet *set, std::string *error);

// What both the file and the store keep: the set behind its time. take: false if it can't be that.
std::string pack_key_set(const KeptKeySet &set);
bool take_key_set(std::string_view packed, KeptKeySet *set);

}  // namespace keyward
