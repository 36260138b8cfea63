// Editing the request's header fields: nginx's list has no removal, and everything that points into it must stay good.
#pragma once

#include <array>
#include <string_view>

#include "ngx/nginx/compat.hpp"

#include "ngx/nginx/ngx.hpp"

namespace keyward {

// A place in a list: a part of it, the part before that, and an element. It may be behind a part's last element.
struct ListPlace {
  ngx_list_part_t *previous;  // nullptr: part is the list's first
  ngx_list_part_t *part;
  ngx_uint_t i;
};

// Takes the element out of the list; no other one moves. place is then where the next element is looked for. false when
// memory was refused: nothing has changed.
bool remove_from_list(ngx_list_t *list, ListPlace *place) noexcept;

// Takes every field that `unwanted(ngx_table_elt_t *)` says so of out of r->headers_in for good, so that no handler
// passes it on. One pass. false when memory was refused.
template <typename Unwanted>
bool remove_request_headers(ngx_http_request_t *r, Unwanted &&unwanted) noexcept {
  ngx_list_t *list = &r->headers_in.headers;
  ListPlace place{nullptr, &list->part, 0};
  while (place.part != nullptr) {
    if (place.i >= place.part->nelts) {
      place = {place.part, place.part->next, 0};
      continue;
    }
    auto *header = static_cast<ngx_table_elt_t *>(place.part->elts) + place.i;
    if (!unwanted(header)) {
      ++place.i;
      continue;
    }
    forget_request_header(r, header);
    if (!remove_from_list(list, &place)) {
      return false;
    }
  }
  return true;
}

// ngx_list_push() without a call where there is room.
inline ngx_table_elt_t *push_header(ngx_list_t *list) noexcept {
  ngx_list_part_t *last = list->last;
  if (last->nelts < list->nalloc) {
    return static_cast<ngx_table_elt_t *>(last->elts) + last->nelts++;
  }
  return static_cast<ngx_table_elt_t *>(ngx_list_push(list));
}

// Adds a field to r->headers_in; nullptr when memory was refused.
ngx_table_elt_t *add_request_header(ngx_http_request_t *r) noexcept;

// Adds a field to the answer; nullptr when memory was refused. name must outlive the request.
ngx_table_elt_t *add_answer_header(ngx_http_request_t *r, std::string_view name, ngx_str_t value) noexcept;

// Calls visit(ngx_table_elt_t *) for each field that is there, until it answers false.
template <typename Visit>
void for_each_header(ngx_list_t *list, Visit &&visit) noexcept {
  for (ngx_list_part_t *part = &list->part; part != nullptr; part = part->next) {
    auto *fields = static_cast<ngx_table_elt_t *>(part->elts);
    for (ngx_uint_t i = 0; i < part->nelts; ++i) {
      if (fields[i].hash != 0 && !visit(&fields[i])) {
        return;
      }
    }
  }
}

// Small letters for capitals, '-' for all that is neither letter nor digit.
constexpr std::array<char, 256> make_folded() {
  std::array<char, 256> folded{};
  for (std::size_t c = 0; c < folded.size(); ++c) {
    const bool small = c >= 'a' && c <= 'z';
    const bool capital = c >= 'A' && c <= 'Z';
    const bool digit = c >= '0' && c <= '9';
    folded[c] = small || digit ? static_cast<char>(c) : capital ? static_cast<char>(c - 'A' + 'a') : '-';
  }
  return folded;
}

inline constexpr std::array<char, 256> kFolded = make_folded();

// Whether a field's name is `lowcase` to backends that take every character but letters and digits for the same (CGI's
// rule): X_Api_Key and X.API.Key are X-API-Key.
bool is_spelled_as(const ngx_table_elt_t *header, std::string_view lowcase) noexcept;  // of names of one length
inline bool is_same_name(const ngx_table_elt_t *header, std::string_view lowcase) noexcept {
  return header->key.len == lowcase.size() && !lowcase.empty() && kFolded[header->key.data[0]] == lowcase.front() &&
         is_spelled_as(header, lowcase);
}

}  // namespace keyward
