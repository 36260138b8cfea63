// Variables of map, geo and split_clients: what they read, and which have to be read anew once it is known who asks.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "ngx/directive_watch.hpp"
#include "ngx/request.hpp"

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

// Once all is read: the indexes of computed variables that may come down to who asks.
std::vector<ngx_uint_t> find_derived_variables(ngx_conf_t *cf, const DirectiveWatch &watch);

// nginx keeps what a variable was when it was first read, maybe before there was a principal. Has it compute those anew that may come down
// to who asks. They depend on other variables only, so that nothing is lost.
inline void forget_derived_variables(ngx_http_request_t *r, const MainConfiguration &main) noexcept {
  for (const ngx_uint_t index : main.derived_variables) {
    r->variables[index].valid = 0;
    r->variables[index].not_found = 0;
  }
}

// While it lives, a decision reads variables as they are now. A map with regular expressions then matches again: $1 and its like are
// afterwards what they were, as the location may use them.
class FreshVariables {
 public:
  FreshVariables(ngx_http_request_t *r, const MainConfiguration &main) noexcept : r_(r) {
#if (NGX_PCRE)
    count_ = r->ncaptures;
    captures_ = r->captures;
    data_ = r->captures_data;
    realloc_ = r->realloc_captures;
    r->realloc_captures = 1;
#endif
    forget_derived_variables(r, main);
  }
  ~FreshVariables() {
#if (NGX_PCRE)
    r_->ncaptures = count_;
    r_->captures = captures_;
    r_->captures_data = data_;
    r_->realloc_captures = realloc_;
#endif
  }
  FreshVariables(const FreshVariables &) = delete;
  FreshVariables &operator=(const FreshVariables &) = delete;

 private:
  ngx_http_request_t *r_;
#if (NGX_PCRE)
  ngx_uint_t count_;
  int *captures_;
  u_char *data_;
  unsigned realloc_ : 1;
#endif
};

}  // namespace keyward
