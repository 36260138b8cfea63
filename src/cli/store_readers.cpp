// LMDB's table of readers, which names processes, and what the system says about those.
#include "cli/store_readers.hpp"

#include <fcntl.h>
#include <sys/types.h>

#include <string>

#include "base/file.hpp"

namespace keyward::cli {
namespace {

// The process's name; empty where it can't be seen, as in another container.
std::string name_of_process(const std::string &process) {
  const File file(::open(("/proc/" + process + "/comm").c_str(), O_RDONLY | O_CLOEXEC));
  std::string name;
  return file && read_whole(file.get(), 64, &name) ? name : std::string();
}

}  // namespace

std::size_t workers_of_store(CredentialReader &reader) {
  const auto own_name = name_of_process("self");
  std::size_t workers = 0;
  for (const auto process : reader.other_processes()) {
    const auto name = name_of_process(std::to_string(process));
    if (name.empty() || name != own_name) {
      ++workers;
    }
  }
  return workers;
}

std::size_t warn_without_workers(const Context &context, CredentialReader &reader, std::string_view what) {
  const auto workers = workers_of_store(reader);
  if (workers == 0) {
    context.warn("no nginx worker has this store open: " + std::string(what) +
                 " refused once one does, by `keyward_store " + context.store + ";` in its configuration");
  }
  return workers;
}

}  // namespace keyward::cli
