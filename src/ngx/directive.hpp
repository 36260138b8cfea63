// What the setters of directives share: words in, a sentence about what is wrong out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/words.hpp"
#include "ngx/configuration.hpp"

namespace keyward {

Wrong parse_methods(std::string_view list, Methods *methods);
Wrong parse_size(std::string_view word, std::size_t *bytes);
// Whether all of a list with commas are methods that parse_methods() knows.
bool are_methods(std::string_view list);
// A path as nginx has it: absolute, or relative to its configuration.
std::string full_path(ngx_conf_t *cf, std::string_view word);

Words words_of(const ngx_conf_t *cf);

// Whether a parameter is there twice that the directive takes once: the last of two would count, and the first one look as if it did.
Wrong check_once(std::string_view directive, const Words &words);

// Notes where a directive stands, before it is read.
void note_touch(ngx_conf_t *cf, std::string_view directive, LocationConfiguration *conf);
void note_touch(ngx_conf_t *cf, std::string_view directive, ServerConfiguration *conf);
void note_touch(ngx_conf_t *cf, std::string_view directive, MainConfiguration *conf);

// One way from nginx to every setter: words out, exceptions caught, mistakes logged with the directive's name.
template <typename Conf, Wrong (*Set)(ngx_conf_t *, const Words &, Conf *)>
char *directive(ngx_conf_t *cf, ngx_command_t *command, void *conf) noexcept {
  return guarded(static_cast<char *>(NGX_CONF_ERROR), [&]() -> char * {
    main_configuration(cf)->configured = true;
    auto *own = static_cast<Conf *>(conf);
    note_touch(cf, view(command->name), own);
    const Words words = words_of(cf);
    Wrong wrong = check_once(view(command->name), words);
    if (wrong = wrong ? wrong : Set(cf, words, own); wrong) {
      ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" directive: %s", &command->name, wrong->c_str());
      return static_cast<char *>(NGX_CONF_ERROR);
    }
    return NGX_CONF_OK;
  });
}

// The setters of what is demanded of a request (rule_directives.cpp).
Wrong set_scope(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf);
Wrong set_limit(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf);
Wrong set_limit_headers(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf);

// The setters of http and server (http_directives.cpp).
Wrong set_identity(ngx_conf_t *cf, const Words &words, ServerConfiguration *conf);
Wrong set_upgrade(ngx_conf_t *cf, const Words &words, ServerConfiguration *conf);
Wrong set_store(ngx_conf_t *cf, const Words &words, MainConfiguration *conf);
Wrong set_zone(ngx_conf_t *cf, const Words &words, MainConfiguration *conf);
Wrong set_key_format(ngx_conf_t *cf, const Words &words, MainConfiguration *conf);
Wrong set_plan(ngx_conf_t *cf, const Words &words, MainConfiguration *conf);
Wrong set_scope_implies(ngx_conf_t *cf, const Words &words, MainConfiguration *conf);
Wrong set_bcrypt_concurrency(ngx_conf_t *cf, const Words &words, MainConfiguration *conf);

// keyward_issuer NAME { ... } (issuer_directives.cpp).
char *set_issuer(ngx_conf_t *cf, ngx_command_t *command, void *conf) noexcept;

}  // namespace keyward
