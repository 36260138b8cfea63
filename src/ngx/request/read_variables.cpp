// nginx keeps values by the variable's index, in an array of the request.
#include "ngx/request/read_variables.hpp"

#include <algorithm>

namespace keyward {
namespace {

std::size_t variable_count(ngx_http_request_t *r) noexcept {
  auto *core = static_cast<ngx_http_core_main_conf_t *>(ngx_http_get_module_main_conf(r, ngx_http_core_module));
  return r->variables == nullptr ? 0 : core->variables.nelts;
}

void forget(ngx_http_variable_value_t *value) noexcept {
  value->valid = 0;
  value->not_found = 0;
}

}  // namespace

void forget_variables(ngx_http_request_t *r, const std::vector<ngx_uint_t> &indexes) noexcept {
  for (const ngx_uint_t index : indexes) {
    if (r->variables != nullptr) {
      forget(&r->variables[index]);
    }
  }
}

DecisionReads::DecisionReads(ngx_http_request_t *r, const std::vector<ngx_uint_t> &derived)
    : r_(r), count_(variable_count(r)), kept_(nullptr) {
  kept_ = few_.data();  // here, as the initialisers come before few_
  const std::size_t words = (count_ + kWordBits - 1) / kWordBits;
  if (words > few_.size()) {
    kept_ = static_cast<std::uint64_t *>(ngx_palloc(r->pool, words * sizeof(std::uint64_t)));
    if (kept_ == nullptr) {
      throw std::bad_alloc();
    }
  }
  std::fill_n(kept_, words, 0);
  forget_variables(r, derived);
#if (NGX_PCRE)
  capture_count_ = r->ncaptures;
  captures_ = r->captures;
  captures_data_ = r->captures_data;
  realloc_captures_ = r->realloc_captures != 0;
  r->realloc_captures = 1;  // a map with regular expressions gets room of its own
#endif
  for (std::size_t i = 0; i < count_; ++i) {
    if (r->variables[i].valid != 0 || r->variables[i].not_found != 0) {
      kept_[i / kWordBits] |= std::uint64_t{1} << i % kWordBits;
    }
  }
}

DecisionReads::~DecisionReads() {
#if (NGX_PCRE)
  r_->ncaptures = capture_count_;
  r_->captures = captures_;
  r_->captures_data = captures_data_;
  r_->realloc_captures = realloc_captures_ ? 1 : 0;
#endif
  auto *core = static_cast<ngx_http_core_main_conf_t *>(ngx_http_get_module_main_conf(r_, ngx_http_core_module));
  const auto *variables = static_cast<ngx_http_variable_t *>(core->variables.elts);
  for (std::size_t i = 0; i < count_; ++i) {
    ngx_http_variable_value_t *value = &r_->variables[i];
    const bool read = (kept_[i / kWordBits] >> i % kWordBits & 1) == 0 && (value->valid != 0 || value->not_found != 0);
    // It would be another one each time that it is computed.
    if (read && view(variables[i].name) != "request_id") {
      forget(value);
    }
  }
}

}  // namespace keyward
