// What is wrong with a configuration, or hardly meant, that only the whole of it shows.
#pragma once

#include "ngx/configuration/reading.hpp"

namespace keyward {

// Tells the log. false: there is an error, which was logged.
bool lint(ngx_conf_t *cf, const MainConfiguration &main, Reading *reading);

}  // namespace keyward
