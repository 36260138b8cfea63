// A credential in a cookie, which browsers send with requests of any page: finding it, taking it out, and whether the
// page is our own.
#pragma once

#include <cstddef>
#include <string_view>

#include "decide/credential.hpp"
#include "ngx/nginx/ngx.hpp"

namespace keyward {

// The cookie's value; empty: there is none. *count: how many cookies of this name have one.
std::string_view find_cookie(ngx_http_request_t *r, std::string_view name, std::size_t *count) noexcept;

// Takes all cookies of this name out of the request, and Cookie fields that hold nothing else. false when memory was
// refused.
bool strip_cookie(ngx_http_request_t *r, std::string_view name) noexcept;

// may_be_cross_site() of auth/origin.hpp, of this request with a credential that browsers send unasked.
bool may_be_cross_site(ngx_http_request_t *r, const Source &ambient) noexcept;

}  // namespace keyward
