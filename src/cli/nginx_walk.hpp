// A walk through nginx's configuration, in the order in which nginx reads it: into each file that is included, too.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/words.hpp"
#include "cli/nginx_dump.hpp"
#include "cli/outcome.hpp"

namespace keyward::cli {

class NginxReader {
 public:
  virtual ~NginxReader() = default;
  // The same as in NginxVisitor, without the lines.
  virtual Wrong on_directive(const Words &words, bool opens) = 0;
  virtual Wrong on_close() { return kGood; }
  // The directive whose block this is in, of which nothing may be missed; empty: in none.
  virtual std::string_view block() const { return {}; }
  // Whether there may be something of interest in an included file, outside of such a block.
  virtual bool wants(std::string_view text) const = 0;
};

// What is included and isn't in the text is told in a remark; within a block() it is an error.
Outcome walk_configuration(const NginxDump &dump, NginxReader *reader, std::vector<std::string> *remarks);

// The file of --conf. taken: what is on standard input, which therefore can't be the configuration: "token".
Outcome read_configuration_file(const std::string &path, const char *taken, std::string *text);

}  // namespace keyward::cli
