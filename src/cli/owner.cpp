// The machine's lists of users and groups, which may be long.
#include "cli/owner.hpp"

#include <grp.h>

#include <cerrno>
#include <cstdint>
#include <limits>

#include "base/quote.hpp"

namespace keyward::cli {
namespace {

// look(buffer, size): what getpwnam_r and its like answer.
template <typename Look>
void look_up(std::vector<char> *buffer, Look &&look) {
  buffer->resize(1024);
  while (look(buffer->data(), buffer->size()) == ERANGE) {
    buffer->resize(buffer->size() * 2);
  }
}

bool find_user_named(const std::string &name, passwd *entry, std::vector<char> *buffer) {
  passwd *found = nullptr;
  look_up(buffer, [&](char *to, std::size_t size) { return getpwnam_r(name.c_str(), entry, to, size, &found); });
  return found != nullptr;
}

// The highest number means "none" to the system.
bool parse_id(const std::string &text, std::uint32_t *id) {
  std::uint64_t number = 0;
  if (text.empty() || text.size() > 10) {
    return false;
  }
  for (const char c : text) {
    if (c < '0' || c > '9') {
      return false;
    }
    number = number * 10 + static_cast<std::uint64_t>(c - '0');
  }
  *id = static_cast<std::uint32_t>(number);
  return number < std::numeric_limits<std::uint32_t>::max();
}

bool parse_group(const std::string &name, gid_t *group) {
  struct group entry = {};
  struct group *found = nullptr;
  std::vector<char> buffer;
  look_up(&buffer, [&](char *to, std::size_t size) { return getgrnam_r(name.c_str(), &entry, to, size, &found); });
  if (found != nullptr) {
    *group = found->gr_gid;
  }
  return found != nullptr || parse_id(name, group);
}

}  // namespace

bool find_user(uid_t user, passwd *entry, std::vector<char> *buffer) {
  passwd *found = nullptr;
  look_up(buffer, [&](char *to, std::size_t size) { return getpwuid_r(user, entry, to, size, &found); });
  return found != nullptr;
}

std::string name_of_user(uid_t user) {
  passwd entry = {};
  std::vector<char> buffer;
  return find_user(user, &entry, &buffer) ? entry.pw_name : std::to_string(user);
}

bool parse_owner(const std::string &text, Owner *owner, std::string *error) {
  const std::size_t colon = text.find(':');
  const std::string user = text.substr(0, colon);
  passwd entry = {};
  std::vector<char> buffer;
  if (find_user_named(user, &entry, &buffer)) {
    *owner = {entry.pw_uid, entry.pw_gid};
  } else if (parse_id(user, &owner->user)) {
    owner->group = find_user(owner->user, &entry, &buffer) ? entry.pw_gid : static_cast<gid_t>(owner->user);
  } else {
    *error =
        "there is no user " + quote(user) + " on this machine; nginx's own is www-data or nginx; a number works, too";
    return false;
  }
  if (colon != std::string::npos && !parse_group(text.substr(colon + 1), &owner->group)) {
    *error = "there is no group " + quote(text.substr(colon + 1)) + " on this machine; a number works, too";
    return false;
  }
  return true;
}

}  // namespace keyward::cli
