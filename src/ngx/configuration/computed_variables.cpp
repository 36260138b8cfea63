// Following variables to where they come from.
#include "ngx/configuration/computed_variables.hpp"

#include <algorithm>

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
    // Identity fields are request fields while the request is admitted.
    if (is_own_variable(name) || name.compare(0, 5, "http_") == 0) {
      return true;
    }
  }
  return false;
}

bool holds_query(std::string_view name) {
  return name == "request_uri" || name == "request" || name == "args" || name == "query_string" || name == "is_args" ||
         name.substr(0, 4) == "arg_";
}

bool may_hold_query(const Origins &origins) {
  return origins.more || std::any_of(origins.names.begin(), origins.names.end(),
                                     [](const std::string &name) { return holds_query(name); });
}

ngx_uint_t index_of(ngx_conf_t *cf, const std::string &variable) {
  ngx_str_t name = borrow(variable);
  const ngx_int_t index = ngx_http_get_variable_index(cf, &name);
  if (index == NGX_ERROR) {
    throw std::bad_alloc();
  }
  return static_cast<ngx_uint_t>(index);
}

}  // namespace

Origins origins_of(const DirectiveWatch &watch, const std::vector<std::string> &names) {
  Origins origins;
  std::set<std::string> seen;
  follow(watch, names, &seen, &origins);
  return origins;
}

bool is_own_variable(std::string_view name) { return name.substr(0, 8) == "keyward_"; }

std::vector<ngx_uint_t> find_query_variables(ngx_conf_t *cf, const DirectiveWatch &watch) {
  std::set<ngx_uint_t> indexes;
  // Others may come to read these after us: nginx's combined log.
  for (const std::string_view name : {"request_uri", "request", "args", "query_string", "is_args"}) {
    indexes.insert(index_of(cf, std::string(name)));
  }
  for (const ComputedVariable &one : watch.computed) {
    if (watch.assigned.count(one.name) == 0 && may_hold_query(origins_of(watch, {one.name}))) {
      indexes.insert(index_of(cf, one.name));
    }
  }
  auto *core = static_cast<ngx_http_core_main_conf_t *>(ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
  const auto *variables = static_cast<ngx_http_variable_t *>(core->variables.elts);
  for (ngx_uint_t i = 0; i < core->variables.nelts; ++i) {
    if (holds_query(view(variables[i].name))) {
      indexes.insert(i);
    }
  }
  return {indexes.begin(), indexes.end()};
}

std::vector<ngx_uint_t> find_derived_variables(ngx_conf_t *cf, const DirectiveWatch &watch) {
  std::set<ngx_uint_t> indexes;
  for (const ComputedVariable &one : watch.computed) {
    if (watch.assigned.count(one.name) != 0 || !may_name_principal(origins_of(watch, {one.name}))) {
      continue;
    }
    indexes.insert(index_of(cf, one.name));
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
