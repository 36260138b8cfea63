// Variables of map, geo and split_clients: what they read, and which have to be read anew once it is known who asks.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "ngx/configuration/directive_watch.hpp"

namespace keyward {

// What variables come down to, all maps and their like looked through.
struct Origins {
  std::set<std::string> names;
  bool more = false;  // and something that isn't known

  bool has(const std::string &name) const { return names.count(name) != 0; }
};
Origins origins_of(const DirectiveWatch &watch, const std::vector<std::string> &names);

// Whether it is one of keyward's own (without $remote_user, which others give a value, too).
bool is_own_variable(std::string_view name);

// Once all is read: the indexes of variables that may come down to who asks, our own and computed ones.
std::vector<ngx_uint_t> find_derived_variables(ngx_conf_t *cf, const DirectiveWatch &watch);

// The indexes of variables that hold the query or a part of it, and of those that are computed from them.
std::vector<ngx_uint_t> find_query_variables(ngx_conf_t *cf, const DirectiveWatch &watch);

}  // namespace keyward
