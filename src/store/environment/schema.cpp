// u32 version, 16 bytes instance, i64 created.
#include "store/environment/schema.hpp"

#include "base/little_endian.hpp"
#include "store/environment/layout.hpp"

namespace keyward {

std::string encode(const Schema &schema) {
  std::string out;
  put_int(&out, schema.version);
  out.append(view_of(schema.instance));
  put_int(&out, schema.created_at_s);
  return out;
}

bool decode(std::string_view content, Schema *schema) noexcept {
  if (!take_int(&content, &schema->version) || schema->version < kFirstVersion ||
      schema->version > kNewestCredentials || content.size() < schema->instance.size()) {
    return false;
  }
  std::memcpy(schema->instance.data(), content.data(), schema->instance.size());
  content.remove_prefix(schema->instance.size());
  return take_int(&content, &schema->created_at_s) && content.empty();
}

bool schema_version(std::string_view stored, std::uint32_t *version) noexcept { return take_int(&stored, version); }

}  // namespace keyward
