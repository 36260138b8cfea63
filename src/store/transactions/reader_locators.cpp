// What leads to keys beside their SHA-256: which other digests there are, and the pepper of one of them.
#include <sys/stat.h>

#include <algorithm>

#include "base/digest.hpp"
#include "base/little_endian.hpp"
#include "store/environment/failure.hpp"
#include "store/environment/layout.hpp"
#include "store/transactions/reader.hpp"
#include "store/transactions/reader_state.hpp"

namespace keyward {

// Once in each snapshot.
unsigned CredentialReader::other_locators() noexcept {
  State &state = *state_;
  if (state.locators_txn_id == state.generation.txn_id) {
    return state.other_locators;
  }
  constexpr unsigned kAll = ((1U << kOtherLocators) - 1) << 1;
  LocatorCounts counts;
  if (count_locators(&counts) != StoreCode::ok) {
    return kAll;
  }
  unsigned kinds = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    kinds |= counts[i] != 0 ? 2U << i : 0;
  }
  state.other_locators = kinds;
  state.locators_txn_id = state.generation.txn_id;
  return kinds;
}

StoreCode CredentialReader::count_locators(LocatorCounts *counts) noexcept {
  *counts = {};
  std::string_view content;
  const StoreCode code = state_->get(Table::meta, kLocatorKindsKey, &content);
  for (std::uint64_t &count : *counts) {
    take_int(&content, &count);
  }
  if (code == StoreCode::not_found) {
    const StoreCode absent = state_->confirm_absence(Table::meta, kLocatorKindsKey);
    return absent == StoreCode::not_found ? StoreCode::ok : absent;
  }
  return code;
}

StoreCode CredentialReader::find_pepper(PepperDigest *digest) noexcept {
  std::string_view content;
  const StoreCode code = state_->get(Table::meta, kPepperKey, &content);
  if (code == StoreCode::ok && content.size() != digest->size()) {
    return StoreCode::damaged;
  }
  std::copy(content.begin(), content.end(), digest->begin());
  return code;
}

StoreStatus CredentialReader::prepare_pepper() {
  PepperDigest digest;
  State &state = *state_;
  return !state.pepper.empty() || find_pepper(&digest) == StoreCode::not_found ? StoreStatus() : state.load_pepper();
}

StoreStatus CredentialReader::hmac(std::string_view key, Sha256 *digest) {
  State &state = *state_;
  StoreStatus status = state.pepper.empty() ? state.load_pepper() : StoreStatus();
  if (status.ok()) {
    *digest = hmac_sha256(state.pepper.view(), key);
  }
  return status;
}

StoreStatus CredentialReader::State::load_pepper() {
  const std::string path = pepper_file(folder);
  std::string_view wanted;
  Secret read;
  const StoreCode code = get(Table::meta, kPepperKey, &wanted);
  StoreStatus status = code == StoreCode::ok
                           ? read_pepper(path, &read, &pepper_stamp)
                           : failure(StoreCode::damaged, "which pepper " + folder + " has can't be read");
  if (status.ok() && view_of(digest_of_pepper(read.view())) != wanted) {
    status = failure(StoreCode::no_secret, path + " is not the pepper that keys were imported with");
  }
  if (status.code == StoreCode::not_found) {
    status.code = StoreCode::no_secret;
  }
  if (status.ok()) {
    pepper = std::move(read);
  }
  return status;
}

bool CredentialReader::State::has_pepper_changed() const noexcept {
  struct stat st = {};
  return !pepper.empty() && (stat(pepper_file(folder).c_str(), &st) != 0 || !(stamp_of(st) == pepper_stamp));
}

}  // namespace keyward
