// Following variables to where they come from.
#include "ngx/computed_variables.hpp"

namespace keyward {
namespace {

void follow(const DirectiveWatch &watch, const std::vector<std::string> &names, std::set<std::string> *seen,
            Origins *origins) {
  for (const std::string &name : names) {
    if (!seen->insert(name).second) {
      continue;
    }
    const ComputedVariable *computed = watch.find_computed(name);
    // What `set` writes to holds something else than what the map says.
    if (computed == nullptr || watch.assigned.count(name) != 0) {
      origins->names.insert(name);
    } else {
      origins->more = origins->more || computed->reads_more;
      follow(watch, computed->reads, seen, origins);
    }
  }
}

bool may_name_principal(const Origins &origins) {
  if (origins.more || origins.has("remote_user")) {
    return true;
  }
  for (const std::string &name : origins.names) {
    if (is_own_variable(name)) {
      return true;
    }
  }
  return false;
}

}  // namespace

Origins origins_of(const DirectiveWatch &watch, const std::vector<std::string> &names) {
  Origins origins;
  std::set<std::string> seen;
  follow(watch, names, &seen, &origins);
  return origins;
}

bool is_own_variable(std::string_view name) { return name.substr(0, 8) == "keyward_"; }

std::vector<ngx_uint_t> find_derived_variables(ngx_conf_t *cf, const DirectiveWatch &watch) {
  std::set<ngx_uint_t> indexes;
  for (const ComputedVariable &one : watch.computed) {
    if (watch.assigned.count(one.name) != 0 || !may_name_principal(origins_of(watch, {one.name}))) {
      continue;
    }
    ngx_str_t name = borrow(one.name);
    const ngx_int_t index = ngx_http_get_variable_index(cf, &name);
    if (index == NGX_ERROR) {
      throw std::bad_alloc();
    }
    indexes.insert(static_cast<ngx_uint_t>(index));
  }
  auto *core = static_cast<ngx_http_core_main_conf_t *>(ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
  const auto *variables = static_cast<ngx_http_variable_t *>(core->variables.elts);
  for (ngx_uint_t i = 0; i < core->variables.nelts; ++i) {
    if (is_own_variable(view(variables[i].name)) || view(variables[i].name) == "remote_user") {
      indexes.insert(i);
    }
  }
  return {indexes.begin(), indexes.end()};
}

}  // namespace keyward
