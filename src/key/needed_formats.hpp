// Which keyward_key_format nginx needs for keys that others made, as far as the keys show it.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "key/key_formats.hpp"

namespace keyward {

// What a key looks like: no part of its secret.
struct KeyShape {
  enum class Known { unseen, minted, seen };  // minted: of the default format
  Known known = Known::unseen;                // unseen: only a hash is there
  std::string prefix;                         // that names its kind; empty: none
  Alphabet alphabet = Alphabet::any;          // of what follows; any: no format but that has it
  std::size_t length = 0;                     // of what follows; of any: of the whole key
};
KeyShape shape_of(std::string_view key);
// Of a key of which only a hash is there, and what is shown of it; its prefix may tell.
KeyShape shape_by_preview(std::string_view preview);

// The format that is missing for this key beside those that are there, as keyward_key_format writes it; empty: none
// would help.
std::string missing_format(const KeyFormats &there, std::string_view key);

// Gathered from many keys.
class NeededFormats {
 public:
  void add(const KeyShape &shape);

  // The words of each keyward_key_format that has to stand in nginx.conf, the default one among them; none where that
  // will do.
  std::vector<std::string> words() const;
  std::size_t unseen() const noexcept { return unseen_; }  // keys of which nobody can tell
  std::size_t weak() const noexcept { return weak_; }      // keys of less than 128 random bits, by their length

 private:
  struct Range {
    std::size_t least = 0, most = 0;
    void add(std::size_t length) noexcept;
  };

  // By prefix and by the length of what follows: the widest alphabet of these keys.
  std::map<std::pair<std::string, std::size_t>, Alphabet> groups_;
  std::map<std::string, Range> others_;  // lengths of whole keys that only `any` takes, by their prefixes
  std::size_t unseen_ = 0, weak_ = 0;
  bool has_minted_ = false;
};

}  // namespace keyward
