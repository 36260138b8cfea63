// Finding principals of keys, and ending them.
#include "auth/principal_cache.hpp"

namespace keyward {
namespace {

constexpr auto kAny = [](const auto &) noexcept { return true; };

}  // namespace

PrincipalCache::PrincipalCache(std::size_t entries, std::size_t bytes)
    : secret_(random_bytes<16>()), entries_(entries, bytes) {}

std::shared_ptr<const Principal> PrincipalCache::find(const Digest &name, const Generation &generation,
                                                      std::int64_t now_s) noexcept {
  auto *entry = entries_.find(name, kAny);
  if (entry == nullptr) {
    return nullptr;
  }
  if (entry->generation == generation && now_s >= entry->made_at_s && now_s < entry->principal->stands_until_s) {
    entries_.touch(entry);
    return entry->principal;
  }
  entries_.free(entry);
  return nullptr;
}

void PrincipalCache::put(const Digest &name, const Generation &generation, std::int64_t now_s,
                         std::shared_ptr<const Principal> principal) noexcept {
  auto *entry = entries_.place_for(name, kAny);
  entry->generation = generation;
  entry->made_at_s = now_s;
  entry->principal = std::move(principal);
  entries_.hold(entry, bytes_of(*entry->principal));
}

}  // namespace keyward
