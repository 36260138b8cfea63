// Files that hold an issuer's keys.
#pragma once

#include <string>

namespace keyward::jwt {

// Reads a regular file of at most kMaxKeySetBytes. False, with a sentence in error that names the path but nothing in
// it. Blocks; for loading, never for a request. text is the caller's to wipe.
bool read_key_file(const std::string &path, std::string *text, std::string *error);

}  // namespace keyward::jwt
