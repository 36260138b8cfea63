// The user who called the command, and the one who had logged in before sudo or su: as the kernel tells it, or else
// sudo.
#include "cli/author.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <limits>
#include <vector>

#include "base/file.hpp"
#include "base/text_rules.hpp"
#include "cli/owner.hpp"

namespace keyward::cli {
namespace {

// One process is one command. Names are looked up when a change is made: most commands make none.
Author process_author;
bool named = false;

bool parse_uid(const std::string &text, std::uint32_t *uid) {
  std::uint64_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9' || number > std::numeric_limits<std::uint32_t>::max()) {
      return false;
    }
    number = number * 10 + static_cast<std::uint64_t>(c - '0');
  }
  *uid = static_cast<std::uint32_t>(number);
  return !text.empty() && number < std::numeric_limits<std::uint32_t>::max();  // which means "none"
}

bool find_login(std::uint32_t *uid) {
  std::string text;
  const File file(open("/proc/self/loginuid", O_RDONLY | O_CLOEXEC));
  if (file && read_whole(file.get(), 16, &text) && parse_uid(text, uid)) {
    return true;
  }
  const char *caller = std::getenv("SUDO_UID");
  return caller != nullptr && parse_uid(caller, uid);
}

std::string name_of(std::uint32_t uid) {
  passwd entry = {};
  std::vector<char> buffer;
  const std::string name = find_user(uid, &entry, &buffer) ? entry.pw_name : "";
  return name.size() <= kMaxAuthorBytes && is_plain_text(name) ? name : std::string();
}

}  // namespace

void remember_author(const std::string &command) {
  process_author = {};
  process_author.kind = AuthorKind::command;
  process_author.command = command;
  process_author.uid = getuid();
  std::uint32_t login_uid = 0;
  if (find_login(&login_uid) && login_uid != process_author.uid) {
    process_author.has_login = true;
    process_author.login_uid = login_uid;
  }
}

const Author &author() {
  if (!named) {
    named = true;
    process_author.user = name_of(process_author.uid);
    process_author.login = process_author.has_login ? name_of(process_author.login_uid) : std::string();
  }
  return process_author;
}

}  // namespace keyward::cli
