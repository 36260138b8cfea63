// A zone of shared memory as one piece of ours: nginx's slab allocator gives it out once, page-aligned, and is not used
// again.
#pragma once

#include <cstddef>

#include "ngx/nginx/ngx.hpp"

namespace keyward {

struct ZoneMemory {
  void *data = nullptr;  // aligned to 64; nullptr: there is none
  std::size_t bytes = 0;
  bool is_new = false;  // zeroed
};

// Of a zone that nginx sets up. nginx's own room comes off the size that was asked for.
ZoneMemory memory_of(ngx_shm_zone_t *shm_zone, const void *old_data) noexcept;

// The memory of the zone of this name and tag in the old cycle, which is still mapped; nginx itself hands it over only
// where the size is the same. Its tag is the address of a module that is still loaded, so its layout is ours, too.
ZoneMemory replaced_memory(const ngx_cycle_t *cycle, const ngx_shm_zone_t *shm_zone) noexcept;

}  // namespace keyward
