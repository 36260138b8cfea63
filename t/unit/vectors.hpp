// Where the test vectors are that others wrote: beside the project, or where KEYWARD_VECTORS says.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace keyward::test {

// The project's own folder (source_folder.cpp).
std::filesystem::path source_folder();

inline std::filesystem::path vectors_folder() {
  const char *chosen = std::getenv("KEYWARD_VECTORS");
  return chosen != nullptr ? std::filesystem::path(chosen) : source_folder() / ".." / "shared" / "vectors";
}

inline std::string read_file(const std::filesystem::path &path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace keyward::test

// Leaves the test, clearly, where the vectors aren't on this machine.
#define KEYWARD_NEED_VECTORS(path)                                                                  \
  if (!std::filesystem::exists(path)) {                                                             \
    GTEST_SKIP() << path << " is not there; set KEYWARD_VECTORS to the folder of the test vectors"; \
  }                                                                                                 \
  static_assert(true)
