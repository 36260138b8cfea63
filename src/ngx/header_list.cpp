// Removing from an nginx list without moving what others point to.
#include "ngx/header_list.hpp"

namespace keyward {
namespace {

// Gives the list a fresh, empty last part. nginx pushes into the last part up to its full capacity, counted from its first
// element: a last part that doesn't begin where it was allocated would be written past its end.
bool close_last_part(ngx_list_t *list) noexcept {
  auto *part = static_cast<ngx_list_part_t *>(ngx_palloc(list->pool, sizeof(ngx_list_part_t)));
  if (part == nullptr) {
    return false;
  }
  part->elts = ngx_palloc(list->pool, list->nalloc * list->size);
  if (part->elts == nullptr) {
    return false;
  }
  part->nelts = 0;
  part->next = nullptr;
  list->last->next = part;
  list->last = part;
  return true;
}

bool is_alnum(u_char c) noexcept { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z'); }

}  // namespace

bool remove_from_list(ngx_list_t *list, ListPlace *place) noexcept {
  ngx_list_part_t *part = place->part;
  const ngx_uint_t i = place->i;
  if (i + 1 == part->nelts) {
    --part->nelts;
    *place = {part->next, 0};
    return true;
  }
  if (part == list->last && !close_last_part(list)) {
    return false;
  }
  auto *elements = static_cast<char *>(part->elts);
  if (i == 0) {
    part->elts = elements + list->size;
    --part->nelts;
    return true;
  }
  auto *rest = static_cast<ngx_list_part_t *>(ngx_palloc(list->pool, sizeof(ngx_list_part_t)));
  if (rest == nullptr) {
    return false;
  }
  rest->elts = elements + (i + 1) * list->size;
  rest->nelts = part->nelts - i - 1;
  rest->next = part->next;
  part->nelts = i;
  part->next = rest;
  *place = {rest, 0};
  return true;
}

bool add_request_header(ngx_http_request_t *r, std::string_view name, std::string_view lowcase, ngx_uint_t hash,
                        ngx_str_t value) noexcept {
  auto *header = static_cast<ngx_table_elt_t *>(ngx_list_push(&r->headers_in.headers));
  if (header == nullptr) {
    return false;
  }
  header->hash = hash;
  header->key = borrow(name);
  header->lowcase_key = borrow(lowcase).data;
  header->value = value;
  unlink_same_name(header);
  return true;
}

ngx_table_elt_t *add_answer_header(ngx_http_request_t *r, std::string_view name, ngx_str_t value) noexcept {
  auto *header = static_cast<ngx_table_elt_t *>(ngx_list_push(&r->headers_out.headers));
  if (header != nullptr) {
    header->hash = 1;
    header->key = borrow(name);
    header->lowcase_key = nullptr;
    header->value = value;
    unlink_same_name(header);
  }
  return header;
}

bool is_same_name(const ngx_table_elt_t *header, std::string_view lowcase) noexcept {
  if (header->key.len != lowcase.size()) {
    return false;
  }
  for (std::size_t i = 0; i < lowcase.size(); ++i) {
    u_char c = ngx_tolower(header->key.data[i]);
    if (!is_alnum(c)) {
      c = '-';
    }
    if (c != static_cast<u_char>(lowcase[i])) {
      return false;
    }
  }
  return true;
}

}  // namespace keyward
