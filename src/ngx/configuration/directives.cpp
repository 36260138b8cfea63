// The table of keyward's directives, and the one of their name.
#include "base/time_text.hpp"
#include "ngx/configuration/directive.hpp"
#include "ngx/configuration/reading.hpp"

namespace keyward {
namespace {

constexpr Choice<Mode> kModes[] = {{"on", Mode::on}, {"off", Mode::off}, {"shadow", Mode::shadow}};

Wrong set_keyward(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf) {
  if (conf->enforcement) {
    return "is duplicate";
  }
  Enforcement enforcement;
  enforcement.written = true;
  const Mode *mode = choose(kModes, words[1]);
  if (mode == nullptr) {
    return "invalid value " + quoted(words[1]) + "; it must be \"on\", \"off\" or \"shadow\"";
  }
  enforcement.mode = *mode;
  if (words.size() == 3) {
    const auto until = option(words[2], "until");
    if (!until) {
      return "invalid parameter " + quoted(words[2]) + "; only until=DATE may follow";
    }
    if (enforcement.mode != Mode::shadow) {
      return "\"until=\" is for \"shadow\" only";
    }
    if (!parse_time(*until, &enforcement.until_s) || enforcement.until_s <= 0) {
      return quoted(*until) + " is not a date; write until=2026-12-31 or until=2026-12-31T18:00:00Z";
    }
    if (enforcement.until_s <= ngx_time()) {
      ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                         "\"keyward shadow until=%s\" is past, so keyward is on now; write \"keyward on;\"",
                         std::string(*until).c_str());
    }
  }
  conf->enforcement = enforcement;
  reading_of(cf).block(conf).enforcement_place = place_of(cf);
  return kGood;
}

constexpr ngx_uint_t kEverywhere =
    NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_HTTP_LIF_CONF | NGX_HTTP_LMT_CONF;

}  // namespace

#define KEYWARD_LOCATION(name, arguments, setter)                                                                    \
  {                                                                                                                  \
    ngx_string(name), kEverywhere | (arguments), directive<LocationConfiguration, setter>, NGX_HTTP_LOC_CONF_OFFSET, \
        0, nullptr                                                                                                   \
  }
#define KEYWARD_MAIN(name, arguments, setter)                                                 \
  {                                                                                           \
    ngx_string(name), NGX_HTTP_MAIN_CONF | (arguments), directive<MainConfiguration, setter>, \
        NGX_HTTP_MAIN_CONF_OFFSET, 0, nullptr                                                 \
  }

ngx_command_t directives[] = {
    KEYWARD_LOCATION("keyward", NGX_CONF_TAKE12, set_keyward),
    KEYWARD_LOCATION("keyward_credential", NGX_CONF_1MORE, set_credential),
    {ngx_string("keyward_max_credential"), NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1,
     directive<LocationConfiguration, set_max_credential>, NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    KEYWARD_LOCATION("keyward_accept", NGX_CONF_1MORE, set_accept),
    KEYWARD_LOCATION("keyward_scope", NGX_CONF_1MORE, set_scope),
    KEYWARD_LOCATION("keyward_require", NGX_CONF_1MORE, set_require),
    KEYWARD_LOCATION("keyward_limit", NGX_CONF_1MORE, set_limit),
    KEYWARD_LOCATION("keyward_concurrency", NGX_CONF_1MORE, set_concurrency),
    KEYWARD_LOCATION("keyward_cost", NGX_CONF_1MORE, set_cost),
    KEYWARD_LOCATION("keyward_limit_headers", NGX_CONF_TAKE12, set_limit_headers),
    KEYWARD_LOCATION("keyward_mcp", NGX_CONF_1MORE, set_mcp),
    KEYWARD_LOCATION("keyward_rpc", NGX_CONF_1MORE, set_rpc),
    KEYWARD_LOCATION("keyward_tool", NGX_CONF_1MORE, set_tool),
    KEYWARD_LOCATION("keyward_errors", NGX_CONF_1MORE, set_errors),
    KEYWARD_LOCATION("keyward_message", NGX_CONF_2MORE, set_message),
    KEYWARD_LOCATION("keyward_realm", NGX_CONF_TAKE1, set_realm),
    {ngx_string("keyward_resource"), NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_CONF_TAKE12,
     directive<LocationConfiguration, set_resource>, NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("keyward_authorization_server"),
     NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_CONF_1MORE,
     directive<LocationConfiguration, set_authorization_server>, NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("keyward_metadata"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
     directive<LocationConfiguration, set_metadata>, NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    KEYWARD_LOCATION("keyward_forward_credential", NGX_CONF_TAKE1, set_forward_credential),
    {ngx_string("keyward_api"), NGX_HTTP_LOC_CONF | NGX_CONF_1MORE, directive<LocationConfiguration, set_api>,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("keyward_verify"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS | NGX_CONF_TAKE12,
     directive<LocationConfiguration, set_verify>, NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("keyward_identity"), NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_CONF_TAKE12,
     directive<ServerConfiguration, set_identity>, NGX_HTTP_SRV_CONF_OFFSET, 0, nullptr},
    {ngx_string("keyward_identity_keys"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
     directive<LocationConfiguration, set_identity_keys>, NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("keyward_upgrade"), NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_CONF_1MORE,
     directive<ServerConfiguration, set_upgrade>, NGX_HTTP_SRV_CONF_OFFSET, 0, nullptr},
    KEYWARD_MAIN("keyward_store", NGX_CONF_TAKE12, set_store),
    KEYWARD_MAIN("keyward_zone", NGX_CONF_TAKE1, set_zone),
    KEYWARD_MAIN("keyward_key_format", NGX_CONF_1MORE, set_key_format),
    KEYWARD_MAIN("keyward_plan", NGX_CONF_1MORE, set_plan),
    KEYWARD_MAIN("keyward_scope_implies", NGX_CONF_2MORE, set_scope_implies),
    KEYWARD_MAIN("keyward_bcrypt_concurrency", NGX_CONF_TAKE1, set_bcrypt_concurrency),
    KEYWARD_MAIN("keyward_claim", NGX_CONF_TAKE2, set_claim),
    {ngx_string("keyward_issuer"), NGX_HTTP_MAIN_CONF | NGX_CONF_BLOCK | NGX_CONF_TAKE1, set_issuer,
     NGX_HTTP_MAIN_CONF_OFFSET, 0, nullptr},
    {ngx_null_string, 0, nullptr, 0, 0, nullptr},
};

}  // namespace keyward
