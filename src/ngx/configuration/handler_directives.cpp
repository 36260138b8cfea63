// Directives by which keyward itself answers at a location.
#include "ngx/configuration/directive.hpp"
#include "ngx/configuration/reading.hpp"

namespace keyward {

Wrong set_api(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf) {
  if (conf->api) {
    return "is duplicate";
  }
  auto *core = static_cast<ngx_http_core_loc_conf_t *>(ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
  bool is_regex = false;
#if (NGX_PCRE)
  is_regex = core->regex != nullptr;
#endif
  if (is_regex || core->named) {
    return "needs a location with a plain name, such as \"location /v1/keys { ... }\": what stands behind that is the "
           "API's";
  }
  if (core->handler != nullptr) {
    return "can't answer where another directive (proxy_pass and its like) does";
  }
  auto api = std::make_shared<ApiRules>();
  if (Wrong wrong = read_shape(words, &api->shape)) {
    return wrong;
  }
  api->place = std::string(view(core->name));
  while (!api->place.empty() && api->place.back() == '/') {
    api->place.pop_back();
  }
  api->written_at = place_of(cf);
  core->handler = on_keys_api;
  conf->api = std::move(api);
  main_configuration(cf)->has_api = true;
  return kGood;
}

Wrong set_verify(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf) {
  if (conf->verify) {
    return "is duplicate";
  }
  auto *core = static_cast<ngx_http_core_loc_conf_t *>(ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
  if (core->handler != nullptr) {
    return "can't answer where another directive (proxy_pass and its like) does";
  }
  auto verify = std::make_shared<VerifyRules>();
  if (Wrong wrong = words.size() > 1 ? check_once(words, {"method", "address"}) : kGood) {
    return wrong;
  }
  for (std::size_t i = 1; i < words.size(); ++i) {
    const auto method = option(words[i], "method"), address = option(words[i], "address");
    if (!method && !address) {
      return "invalid parameter " + quoted(words[i]) + "; there are method= and address=";
    }
    const std::string_view value = method ? *method : *address;
    if (value.find('$') == std::string_view::npos) {
      return quoted(words[i]) +
             " has no variable in it; write method=$http_x_forwarded_method, or what else the "
             "proxy says of its client";
    }
    if (Wrong wrong = compile_value(cf, value, method ? &verify->method : &verify->address)) {
      return wrong;
    }
  }
  verify->written_at = place_of(cf);
  core->handler = on_verify;
  conf->verify = std::move(verify);
  return kGood;
}

Wrong set_identity_keys(ngx_conf_t *cf, const Words &, LocationConfiguration *conf) {
  if (!conf->identity_keys_place.empty()) {
    return "is duplicate";
  }
  auto *core = static_cast<ngx_http_core_loc_conf_t *>(ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
  if (core->handler != nullptr) {
    return "can't answer where another directive (proxy_pass and its like) does";
  }
  core->handler = on_identity_keys;
  conf->identity_keys_place = place_of(cf);
  return kGood;
}

}  // namespace keyward
