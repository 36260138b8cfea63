// Following includes through what `nginx -T` printed.
#include "cli/nginx_walk.hpp"

#include <fcntl.h>

#include <cerrno>
#include <cstring>

#include "base/file.hpp"
#include "base/nginx_text.hpp"
#include "base/quote.hpp"

namespace keyward::cli {
namespace {

constexpr int kMaxDepth = 64;  // of files that include each other
constexpr std::size_t kMaxIncludes = 100000;
constexpr std::size_t kMaxConfigBytes = std::size_t{16} << 20;

class Walk {
 public:
  Walk(const NginxDump &dump, NginxReader *reader) : dump_(dump), reader_(reader) {}

  Outcome run(std::vector<std::string> *remarks) {
    if (!read(dump_.main())) {
      return wrong_usage("--conf: " + error_);
    }
    if (!passed_over_.empty()) {
      remarks->push_back(dump_.is_whole()
                             ? quote(passed_over_) + ", which is included, is not in what `nginx -T` printed"
                             : quote(passed_over_) +
                                   " and other included files were not read; give what `nginx -T` prints");
    }
    return done();
  }

 private:
  bool read(const NginxDump::File &file) {
    const NginxVisitor visitor = {[&](const Words &words, std::size_t, bool opens) {
                                    const bool includes = words[0] == "include" && words.size() == 2 && !opens;
                                    return includes ? include(words[1]) : reader_->on_directive(words, opens);
                                  },
                                  [&](std::size_t) { return reader_->on_close(); }};
    std::string error;
    const bool good = read_nginx(file.text, visitor, &error);
    if (!good && error_.empty()) {  // the innermost file says it
      error_ = (file.name.empty() ? "" : quote(file.name) + ": ") + error;
    }
    return good;
  }

  Wrong include(std::string_view name) {
    const std::string block(reader_->block());
    if (!block.empty() && !dump_.is_whole()) {
      return "\"include\" in a " + block +
             " can't be followed here; name a file with what `nginx -T` prints, which has the "
             "included files, "
             "too";
    }
    std::vector<NginxDump::File> files;
    if (!dump_.is_whole() || !dump_.find(name, &files)) {
      if (!block.empty()) {
        return "\"include\" in a " + block + ": " + quote(name) + " is not in what `nginx -T` printed";
      }
      passed_over_ = passed_over_.empty() ? std::string(name) : passed_over_;
      return kGood;
    }
    for (const auto &file : files) {
      if (block.empty() && !reader_->wants(file.text) && file.text.find("include") == std::string_view::npos) {
        continue;
      }
      if (open_ == kMaxDepth || ++includes_ > kMaxIncludes) {
        return "\"include\" of " + quote(name) + " includes itself, or too many files";
      }
      ++open_;
      const bool good = read(file);
      --open_;
      if (!good) {
        return Wrong("it is wrong");  // error_ says how
      }
    }
    return kGood;
  }

  const NginxDump &dump_;
  NginxReader *reader_;
  std::string error_, passed_over_;
  std::size_t includes_ = 0;
  int open_ = 0;  // files, beside the main one
};

}  // namespace

Outcome walk_configuration(const NginxDump &dump, NginxReader *reader, std::vector<std::string> *remarks) {
  return Walk(dump, reader).run(remarks);
}

Outcome read_configuration_file(const std::string &path, const char *taken, std::string *text) {
  const File file(path == "-" ? -1 : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) {
    return wrong_usage("--conf: " + quote(path) + ": " +
                       (path == "-" ? "the " + std::string(taken) + " is on standard input; name a file"
                                    : std::string(std::strerror(errno))));
  }
  const bool read = read_whole(file.get(), kMaxConfigBytes, text) && text->size() <= kMaxConfigBytes;
  return read ? done() : wrong_usage("--conf: " + quote(path) + " can't be read");
}

}  // namespace keyward::cli
