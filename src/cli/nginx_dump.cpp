// Taking apart what `nginx -T` prints (main() in nginx.c), and looking an include up in it (ngx_conf_include()).
#include "cli/nginx_dump.hpp"

#include <fnmatch.h>

#include <algorithm>

namespace keyward::cli {
namespace {

constexpr std::string_view kMark = "# configuration file ";

bool starts_with(std::string_view text, std::string_view with) noexcept { return text.substr(0, with.size()) == with; }

// What `nginx -T` says on standard error, where both were written into one file: "nginx: ..." or, once a log is open, a
// date first.
bool is_message(std::string_view line) noexcept {
  return starts_with(line, "nginx: ") || (!line.empty() && line[0] >= '0' && line[0] <= '9');
}

// The line that begins at `at`, without its end; at is then behind it.
std::string_view take_line(std::string_view text, std::size_t *at) noexcept {
  const std::string_view line = text.substr(*at, text.find('\n', *at) - *at);
  *at = std::min(text.size(), *at + line.size() + 1);
  return line;
}

// The file's name, where the line is a mark; else empty.
std::string_view name_in(std::string_view line) noexcept {
  const bool marks = starts_with(line, kMark) && line.size() > kMark.size() + 1 && line.back() == ':';
  return marks ? line.substr(kMark.size(), line.size() - kMark.size() - 1) : std::string_view();
}

}  // namespace

NginxDump::NginxDump(std::string_view text) : main_{{}, text} {
  std::string_view name;
  std::size_t begin = 0;
  const auto end_file = [&](std::size_t end) {
    const std::string_view content = text.substr(begin, end - begin);
    if (main_.name.empty()) {
      main_ = {name, content};
    }
    files_.emplace(name, content);
  };
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t before = at;
    const std::string_view line = take_line(text, &at);
    const std::string_view next = name_in(line);
    if (next.empty()) {
      if (name.empty() && !line.empty() && !is_message(line)) {
        return;  // no mark stands first: a file by itself
      }
      continue;
    }
    if (!name.empty()) {
      end_file(before);
    }
    name = next;
    begin = at;
  }
  if (!name.empty()) {
    end_file(text.size());
  }
}

std::string_view NginxDump::prefix() const noexcept { return main_.name.substr(0, main_.name.rfind('/') + 1); }

bool NginxDump::find(std::string_view name, std::vector<File> *files) const {
  const std::string path = (starts_with(name, "/") ? std::string() : std::string(prefix())).append(name);
  if (path.find_first_of("*?[") == std::string::npos) {
    const auto found = files_.find(path);
    if (found != files_.end()) {
      files->push_back({found->first, found->second});
    }
    return found != files_.end();
  }
  for (const auto &[file, text] : files_) {
    if (fnmatch(path.c_str(), std::string(file).c_str(), FNM_PATHNAME | FNM_PERIOD) == 0) {
      files->push_back({file, text});
    }
  }
  return true;
}

}  // namespace keyward::cli
