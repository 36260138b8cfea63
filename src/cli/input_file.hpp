// A file that the command line names. It is opened before the command becomes the store's owner, who may not read it,
// and only then: by the one name once, so that nobody can exchange it in between.
#pragma once

#include <string>

#include "base/file.hpp"

namespace keyward::cli {

// An option's value: empty and absent differ.
struct Text {
  bool given = false;
  std::string value;
};

struct InputFile : Text {
  File file;      // "-": none, it is standard input
  int error = 0;  // errno, where it can't be opened: the command says so when it wants to read it

  bool is_standard_input() const noexcept { return value == "-"; }
  void open();
};

}  // namespace keyward::cli
