// A configuration of nginx as a text: what `nginx -T` prints, which has each file behind a comment with its name, the
// main one first; or one file by itself.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::cli {

// Views of the text, which outlives it.
class NginxDump {
 public:
  struct File {
    std::string_view name, text;  // no name: the one file of which the text consists
  };

  explicit NginxDump(std::string_view text);

  bool is_whole() const noexcept { return !main_.name.empty(); }  // `nginx -T` printed it
  const File &main() const noexcept { return main_; }
  // What paths in it are relative to: the folder of its main file, with a slash; empty where that isn't known.
  std::string_view prefix() const noexcept;

  // The files that `include NAME` brings, as nginx finds them: of a pattern all that match, in order, maybe none.
  // false: there is no such file in it.
  bool find(std::string_view name, std::vector<File> *files) const;

 private:
  File main_;
  std::map<std::string_view, std::string_view> files_;
};

}  // namespace keyward::cli
