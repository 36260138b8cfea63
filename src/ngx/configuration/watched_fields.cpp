// Which fields change what a request is to a backend, and finding them.
#include "ngx/configuration/watched_fields.hpp"

#include <algorithm>

#include "ngx/nginx/header_list.hpp"

namespace keyward {
namespace {

struct Known {
  std::string_view lowcase;
  FieldUse use;
};

// Each is read by some server or framework in place of the request's own method or URL; docs/security-model.md says by
// which.
constexpr Known kKnown[] = {
    {"upgrade", FieldUse::upgrade},
    {"http2-settings", FieldUse::http2_settings},
    {"x-http-method-override", FieldUse::method_override},
    {"x-http-method", FieldUse::method_override},
    {"x-method-override", FieldUse::method_override},
    {"x-original-url", FieldUse::url_override},
    {"x-original-uri", FieldUse::url_override},
    {"x-rewrite-url", FieldUse::url_override},
    {"x-forwarded-uri", FieldUse::url_override},
    {"x-script-name", FieldUse::url_override},
    {"script-name", FieldUse::url_override},
    {"path-info", FieldUse::url_override},
    {"destination", FieldUse::destination},
};

}  // namespace

void WatchedFields::add(std::string_view lowcase, FieldUse use) {
  const std::size_t bucket = lowcase.size() & kMask;
  // A hyphen stands for whatever is neither letter nor digit.
  firsts_[bucket] |= lowcase.front() == '-' ? ~std::uint32_t{0} : bit_of(static_cast<unsigned char>(lowcase.front()));
  fields_.insert(fields_.begin() + begin_[bucket + 1], {std::string(lowcase), use});
  std::for_each(begin_.begin() + static_cast<std::ptrdiff_t>(bucket) + 1, begin_.end(), [](auto &begin) { ++begin; });
}

FieldUse WatchedFields::find_among(const ngx_table_elt_t *header, std::size_t begin, std::size_t end) const noexcept {
  for (std::size_t i = begin; i < end; ++i) {
    if (is_same_name(header, fields_[i].lowcase)) {
      return fields_[i].use;
    }
  }
  return FieldUse::none;
}

void watch_usual_fields(WatchedFields *watched) {
  for (const Known &known : kKnown) {
    watched->add(known.lowcase, known.use);
  }
}

}  // namespace keyward
