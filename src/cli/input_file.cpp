// Opening what was named.
#include "cli/input_file.hpp"

#include <fcntl.h>

#include <cerrno>

namespace keyward::cli {

void InputFile::open() {
  if (given && !is_standard_input()) {
    file = File(::open(value.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    error = file ? 0 : errno;
  }
}

}  // namespace keyward::cli
