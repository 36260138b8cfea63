// Users by name and by number.
#pragma once

#include <pwd.h>
#include <sys/types.h>

#include <string>
#include <vector>

namespace keyward::cli {

struct Owner {
  uid_t user = 0;
  gid_t group = 0;
};

// `USER` or `USER:GROUP`, each a name or a number; numbers need no entry on this machine. Without GROUP it is the
// user's own, and of a user without an entry the group of the same number.
bool parse_owner(const std::string &text, Owner *owner, std::string *error);

// Of a user that the machine knows. The entry's texts are in buffer.
bool find_user(uid_t user, passwd *entry, std::vector<char> *buffer);
// The user's name, or the number where it has none.
std::string name_of_user(uid_t user);

}  // namespace keyward::cli
