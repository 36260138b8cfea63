// Who the command is. Root opens what it was given, and is the store's owner from then on: whoever owns a store can put
// links into it, and can write what LMDB maps into memory and believes. Nothing behind this needs to know of it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/context.hpp"
#include "cli/input_file.hpp"

namespace keyward::cli {

// What a command does with the folder of --store, and which other one it names.
struct StoreUse {
  enum class Kind {
    present,   // it is there, or the command says that it isn't
    made,      // by init
    restored,  // it is made where it isn't there
  };
  Kind kind = Kind::present;
  const Text *user = nullptr;        // whose the store that is made becomes
  const Text *folder = nullptr;      // of a backup
  bool makes_folder = false;         // which is made where it isn't there; else it is only read
  const bool *only_looks = nullptr;  // makes nothing after all
  const bool *without = nullptr;     // it needs no store after all
};

// Runs the command's action as whom it has to be run. For everybody but root: as he is. `inputs` stay open, all other
// descriptors that were inherited are closed.
Outcome run_as_owner(Context &context, const StoreUse &use, const std::vector<InputFile *> &inputs,
                     const std::function<Outcome()> &action);

}  // namespace keyward::cli
