// Where things stand.
#include "ngx/configuration/reading.hpp"

namespace keyward {

std::string place_of(ngx_conf_t *cf) {
  if (cf->conf_file == nullptr || cf->conf_file->file.fd == NGX_INVALID_FILE) {
    return "on the command line";
  }
  return "in " + std::string(view(cf->conf_file->file.name)) + ':' + std::to_string(cf->conf_file->line);
}

const LocationConfiguration *Reading::parent_of(const LocationConfiguration *location) const {
  const auto found = blocks.find(location);
  return found == blocks.end() ? nullptr : found->second.parent;
}

std::string Reading::inherited_place(const LocationConfiguration *location, std::string ReadBlock::*place) const {
  for (; location != nullptr; location = parent_of(location)) {
    const auto found = blocks.find(location);
    if (found != blocks.end() && !(found->second.*place).empty()) {
      return found->second.*place;
    }
  }
  return {};
}

Reading &reading_of(ngx_conf_t *cf) noexcept { return *main_configuration(cf)->reading; }

}  // namespace keyward
