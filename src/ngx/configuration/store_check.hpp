// Whether a worker will be able to use the store, found out when the configuration is read.
#pragma once

#include <string>
#include <vector>

#include "ngx/nginx/ngx.hpp"
#include "store/environment/status.hpp"

namespace keyward {

// warnings: what doesn't keep workers from using it. Opens the store as a worker would, in a child process that has
// become the worker's user and creates nothing: LMDB opened in the master would reset the readers' table under the
// running workers.
// for_changes: and whether one can change it.
StoreStatus check_store_as_worker(ngx_cycle_t *cycle, const std::string &folder, bool for_changes,
                                  std::vector<std::string> *warnings);

}  // namespace keyward
