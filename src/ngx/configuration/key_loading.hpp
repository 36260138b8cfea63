// Reading an issuer's keys from their file: by the master when it loads the configuration, and by workers when the file
// changed.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ngx/configuration/issuers.hpp"

namespace keyward {

struct LoadedKeys {
  std::shared_ptr<const jwt::KeySet> keys;  // nullptr: it can't be used
  KeyFileStamp stamp;                       // of what was read
  std::string error;                        // a clause that names the file and nothing in it
  std::vector<std::string> warnings;        // keys that were left out, and who else may read or write the file
  bool settled = false;                     // when it was looked at, the stamp could not hide another change
  bool forbidden = false;                   // this process may not read it
  bool unread = false;                      // it could not be read, for a reason that may pass
};

// Files of keys as one pass over the issuers finds them: each is looked at and read once, so that issuers of one file
// have the same keys. Else the laxer one could have a new key before the stricter one, and with it the other's tokens.
// Blocks.
class KeyFiles {
 public:
  KeyFiles() = default;
  ~KeyFiles() { clear(); }
  KeyFiles(const KeyFiles &) = delete;
  KeyFiles &operator=(const KeyFiles &) = delete;

  // nullptr: there is no such file, or it can't be looked at.
  const KeyFileStamp *stamp(const std::string &path);

  // Not for what is fetched.
  LoadedKeys load(const IssuerConfiguration &issuer);

  // Ends the pass: what comes next is looked at anew.
  void clear() noexcept;

 private:
  struct File {
    KeyFileStamp stamp;
    bool found = false;
    bool settled = false;
    bool tried = false;  // to read it
    bool forbidden = false;
    std::string text;
    std::string error;  // why there is no text
  };
  File &look(const std::string &path);

  std::map<std::string, File> files_;
};

}  // namespace keyward
