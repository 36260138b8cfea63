// What `key create` and `key rotate` share: minting a key by a format, and showing it, once.
#pragma once

#include <cstdint>
#include <string_view>

#include "cli/command_line.hpp"
#include "cli/context.hpp"
#include "keys/mint.hpp"
#include "store/records/record.hpp"

namespace keyward::cli {

// --format and --verifier, and what they say.
struct MintingOptions {
  Text format, verifier;
};
void add_minting_options(Command &command, MintingOptions *options);
Outcome read_minting(const MintingOptions &options, keys::Minting *minting);

// --concurrency, --allow-from and --meta, which `key set` has, too.
void add_term_options(Command &command, Text *concurrency, TextList *allow_from, Text *meta);

// bcrypt takes its time here, outside the store's lock.
Outcome mint_key(const keys::Minting &minting, keys::MintedKey *minted);

// What is told of a new key besides its record.
struct KeyFacts {
  std::int64_t overlap_until_s = 0;  // until when its predecessor lives; 0: that has ended, or there is none
  bool new_subject = false;          // nothing in the store had its subject
};

// Shows a key that is on the disk; fails where it could not be written, which the caller has to mend.
Outcome show_new_key(Context &context, const KeyRecord &record, std::string_view key, const KeyFacts &facts,
                     bool quiet);

}  // namespace keyward::cli
