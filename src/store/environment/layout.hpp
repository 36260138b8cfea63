// The store's folder: which file is what.
//
//   FOLDER/credentials/{data.mdb,lock.mdb}   keys, plans, subjects; workers read it
//   FOLDER/usage/{data.mdb,lock.mdb}         use counts and limits' windows: what may be lost by a second
//   FOLDER/secret                            32 bytes, mode 0600: the checksums' key
//   FOLDER/pepper                            another system's secret, mode 0600, where keys were imported with one
//   FOLDER/lock                              our writers' lock (fcntl): byte 0 credentials, byte 1 usage, byte 2 moves;
//                                            far behind these, who reads which format (lock_file.hpp)
//
// Only while one environment takes another's place (environment_move.hpp), or where that was interrupted:
//
//   FOLDER/credentials.making                being filled; nobody else has it open
//   FOLDER/credentials.next                  whole; the one that takes the place, and from then on the one that had it
//   FOLDER/credentials.retiring              the latter, which somebody has begun to retire
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace keyward {

inline constexpr const char kDefaultStore[] = "/var/lib/keyward";
inline constexpr std::size_t kDefaultMapBytes = std::size_t{1} << 30;
inline constexpr unsigned kMaxReaders = 1024;
inline constexpr unsigned kMaxTables = 16;

// The formats of `credentials`. The second has the journal, and may hold keys' records of the second version. A store
// keeps the format that it was made in until `store upgrade`; in the first one changes make no entries, and what needs
// such a record is refused. The use counts are still in their first.
inline constexpr std::uint32_t kFirstVersion = 1, kJournalVersion = 2;
inline constexpr const char kNeedsUpgrade[] =
    "a key needs a record that older versions of keyward can't read, and this store is still one for them; once no "
    "older "
    "nginx reads it, run `keyward store upgrade`";
inline constexpr std::uint32_t kNewestCredentials = kJournalVersion, kNewestUsage = kFirstVersion;

inline std::string credentials_folder(const std::string &store) { return store + "/credentials"; }
inline std::string usage_folder(const std::string &store) { return store + "/usage"; }
inline constexpr const char kMakingSuffix[] = ".making";
inline constexpr const char kNextSuffix[] = ".next";
inline constexpr const char kRetiringSuffix[] = ".retiring";

inline std::string secret_file(const std::string &store) { return store + "/secret"; }
inline std::string pepper_file(const std::string &store) { return store + "/pepper"; }
inline std::string lock_file(const std::string &store) { return store + "/lock"; }

}  // namespace keyward
