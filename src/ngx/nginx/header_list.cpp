// Removing from an nginx list without moving what others point to.
#include "ngx/nginx/header_list.hpp"

#include <array>

namespace keyward {
// nginx's own loops and ngx_list_push() rely on two things, which hold before and after:
// - No part but the first is empty: a loop that steps to the next part reads its first element unseen.
// - The last part has room for list->nalloc elements from its first one on: a push fills it up to that number.
bool remove_from_list(ngx_list_t *list, ListPlace *place) noexcept {
  ngx_list_part_t *part = place->part;
  const ngx_uint_t i = place->i;
  auto *elements = static_cast<char *>(part->elts);
  if (part->nelts == 1 && place->previous != nullptr) {
    ngx_list_part_t *previous = place->previous;
    if (part == list->last) {
      // Pushes go to a new part; where all that is left is the first one, empty, it gets new room instead.
      if (previous->nelts == 0) {
        void *room = ngx_palloc(list->pool, list->nalloc * list->size);
        if (room == nullptr) {
          return false;
        }
        previous->elts = room;
      } else {
        list->nalloc = previous->nelts;
      }
      list->last = previous;
    }
    previous->next = part->next;
    *place = {previous, part->next, 0};
    return true;
  }
  if (i + 1 == part->nelts) {
    --part->nelts;
    return true;
  }
  if (i == 0) {
    part->elts = elements + list->size;
    --part->nelts;
    if (part == list->last) {
      list->nalloc = part->nelts;
    }
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
  if (part == list->last) {
    list->last = rest;
    list->nalloc = rest->nelts;
  }
  *place = {part, rest, 0};
  return true;
}

ngx_table_elt_t *add_request_header(ngx_http_request_t *r) noexcept {
  ngx_list_t *list = &r->headers_in.headers;
  // HTTP/0.9 has no fields, and nginx makes no list for them.
  if (list->last == nullptr && ngx_list_init(list, r->pool, 8, sizeof(ngx_table_elt_t)) != NGX_OK) {
    return nullptr;
  }
  return push_header(list);
}

ngx_table_elt_t *add_answer_header(ngx_http_request_t *r, std::string_view name, ngx_str_t value) noexcept {
  auto *header = push_header(&r->headers_out.headers);
  if (header != nullptr) {
    header->hash = 1;
    header->key = borrow(name);
    header->lowcase_key = nullptr;
    header->value = value;
    unlink_same_name(header);
  }
  return header;
}

// By the key and not by lowcase_key, which modules leave unset in what they add to an answer.
bool is_spelled_as(const ngx_table_elt_t *header, std::string_view lowcase) noexcept {
  for (std::size_t i = 0; i < lowcase.size(); ++i) {
    if (kFolded[header->key.data[i]] != lowcase[i]) {
      return false;
    }
  }
  return true;
}

}  // namespace keyward
