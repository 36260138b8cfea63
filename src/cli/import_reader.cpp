// Blocks of lines, parsed in threads and added in order.
#include "cli/import_reader.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include "base/secret.hpp"
#include "base/text_rules.hpp"
#include "cli/output.hpp"

namespace keyward::cli {
namespace {

constexpr std::size_t kBlockLines = 8192;
constexpr std::size_t kBlockBytes = std::size_t{4} << 20;
constexpr std::size_t kMaxExportBytes = std::size_t{1} << 30;

std::string too_long() { return "longer than " + std::to_string(kMaxImportLineBytes) + " bytes"; }

}  // namespace

std::string update_text(const keys::UpdateProblem &problem) {
  using Kind = keys::UpdateProblem::Kind;
  switch (problem.kind) {
    case Kind::id_twice:
      return "id is the same as in line " + std::to_string(problem.other_line);
    case Kind::stale:
      return "the key was changed since: its changed_at is another; export it anew, or leave changed_at out";
    case Kind::verifier:
      return "what the key is recognised by is another than the store has, and can't be changed; leave it out";
    case Kind::fixed:
      return std::string(problem.member) + " can't be changed; leave it out, or as it is";
    case Kind::revoked:
      return "the key is revoked, and that is final";
    case Kind::in_overlap:
      return "the key was rotated, and lives for its overlap only; change its successor";
    case Kind::past:
      return "expires_at is past; write \"state\":\"revoked\" to end the key";
    case Kind::wrong_state:
      return "the key's state can't become this one";
    case Kind::too_many_keys:
      return "it would be one more key than its plan's max_keys allows its subject";
    case Kind::gone:
      return "another writer has removed the key meanwhile";
    case Kind::none:
    case Kind::invalid:
      break;
  }
  return "what it comes to is not valid: a key that has a name keeps one";
}

ImportReader::~ImportReader() { wipe(text_.data(), text_.size()); }

Outcome ImportReader::read(const InputFile &file, bool with_progress) {
  LineSource source(kMaxImportLineBytes);
  const auto name = file.is_standard_input() ? std::string("standard input") : file.value;
  if (!source.open(file)) {
    return no("can't open " + name + ": " + std::strerror(errno));
  }
  Progress progress("reading", source.size(), with_progress);
  std::string_view text;
  for (std::uint32_t number = 1; source.next(&text); ++number) {
    if (source.too_long()) {
      refuse(number, {}, too_long());
    } else if (text.find_first_not_of(" \t\r") != std::string_view::npos) {
      add(number, {}, text);
    }
    if (lines_.empty()) {
      progress.at(source.taken());
    }
  }
  finish_block();
  if (!status_.ok()) {
    return from_store(status_);
  }
  return source.error() == 0 ? done() : no("can't read " + name + ": " + std::strerror(source.error()));
}

Outcome ImportReader::read_export(const InputFile &file, ExportForm form, std::vector<std::string> *notes) {
  const auto name = file.is_standard_input() ? std::string("standard input") : file.value;
  const int fd = file.is_standard_input() ? STDIN_FILENO : file.file.get();
  struct stat about = {};
  if (fd < 0 || fstat(fd, &about) != 0) {
    return no("can't open " + name + ": " + std::strerror(fd < 0 ? file.error : errno));
  }
  std::string text;
  const bool read = read_whole(fd, kMaxExportBytes, &text);
  const int error = errno;
  const Secret kept(std::move(text));
  if (!read) {
    return no("can't read " + name + ": " + std::strerror(error));
  }
  if (kept.view().size() > kMaxExportBytes) {
    return no(name + " is larger than 1 GiB; import it in parts");
  }
  const auto made_at_s = S_ISREG(about.st_mode) ? std::min<std::int64_t>(about.st_mtime, rules_.now_s) : rules_.now_s;
  auto outcome = convert_export(form, {kept.view(), made_at_s}, this, notes);
  finish_block();
  return outcome.ok() ? done() : no(name + ": " + outcome.error);
}

void ImportReader::add(std::uint32_t number, std::string_view name, std::string_view line) {
  if (line.size() > kMaxImportLineBytes) {
    refuse(number, name, too_long());
    return;
  }
  text_.reserve(kBlockBytes + kMaxImportLineBytes);  // so that it never moves
  auto &added = lines_.emplace_back();
  added.number = number;
  added.begin = text_.size();
  added.size = line.size();
  added.name = name;
  text_.append(line);
  if (lines_.size() == kBlockLines || text_.size() >= kBlockBytes) {
    finish_block();
  }
}

void ImportReader::refuse(std::uint32_t number, std::string_view name, std::string problem) {
  bad_->add(number, is_new_id(name) ? std::string(name) + ": " + problem : std::move(problem));
}

void ImportReader::parse_slice(std::size_t begin, std::size_t end) {
  for (auto i = begin; i < end; ++i) {
    auto &line = lines_[i];
    line.good =
        parse_import_line(std::string_view(text_).substr(line.begin, line.size), rules_, &line.key, &line.error);
    if (line.good && updates_ == nullptr) {
      keys::ImportBatch::prepare(&line.key);
    }
  }
}

void ImportReader::add(Line &line) {
  if (updates_ == nullptr) {
    batch_->add(line.number, std::move(line.key));
    return;
  }
  bool is_known = false;
  if (status_.ok() && !line.key.record.id.empty()) {
    status_ = updates_->add(
        *store_, line.number, &line.key, rules_.now_s,
        [this](const keys::UpdateProblem &problem) { bad_->add(problem.line, update_text(problem)); }, &is_known);
  }
  if (is_known) {
    return;
  }
  if (!line.key.names(keys::LineMember::verifier)) {
    bad_->add(line.number,
              line.key.record.id.empty()
                  ? "has neither the id of a key to change nor what a new key is recognised by"
                  : "the store has no key with this id, and it has nothing that a new key is recognised by");
    return;
  }
  keys::date_new_key(rules_, &line.key);
  keys::ImportBatch::prepare(&line.key);
  batch_->add(line.number, std::move(line.key));
}

void ImportReader::finish_block() {
  const std::size_t most = std::max(1U, std::thread::hardware_concurrency());
  const auto slice = std::max<std::size_t>(lines_.size() / most + 1, 512);
  std::atomic<bool> exhausted{false};
  const auto work = [this, &exhausted](std::size_t begin, std::size_t end) noexcept {
    try {
      parse_slice(begin, end);
    } catch (const std::bad_alloc &) {
      exhausted = true;
    }
  };
  std::vector<std::thread> threads;
  threads.reserve(most);
  std::size_t begin = 0;
  for (; begin + slice < lines_.size(); begin += slice) {
    try {
      threads.emplace_back(work, begin, begin + slice);
    } catch (const std::system_error &) {
      work(begin, begin + slice);  // no more threads to be had
    }
  }
  work(begin, lines_.size());
  for (auto &thread : threads) {
    thread.join();
  }
  if (exhausted) {
    throw std::bad_alloc();
  }
  for (auto &line : lines_) {
    if (line.good) {
      add(line);
    } else {
      refuse(line.number, line.name, std::move(line.error));
    }
  }
  lines_.clear();
  wipe(text_.data(), text_.size());
  text_.clear();
}

}  // namespace keyward::cli
