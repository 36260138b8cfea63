// Reading meta.
#include "keys/meta.hpp"

#include <algorithm>

#include "store/records/record.hpp"

namespace keyward::keys {
namespace {

// Of arrays and objects in one another.
std::size_t depth_of(const json::Value &value) {
  std::size_t depth = 0;
  for (const json::Value &item : value.items) {
    depth = std::max(depth, depth_of(item));
  }
  for (const json::Value::Member &member : value.members) {
    depth = std::max(depth, depth_of(member.second));
  }
  return depth + (value.type == json::Value::Type::object || value.type == json::Value::Type::array ? 1 : 0);
}

}  // namespace

bool take_meta(const json::Value &value, std::string *meta, std::string *error) {
  if (value.type != json::Value::Type::object) {
    *error = "it has to be a JSON object, such as {\"team\":\"a\"}";
    return false;
  }
  if (depth_of(value) > kMaxMetaDepth) {
    *error = "more than " + std::to_string(kMaxMetaDepth) + " objects and arrays in one another";
    return false;
  }
  *meta = json::Writer().value(value).text();
  if (meta->size() > kMaxMetaBytes) {
    *error = "longer than " + std::to_string(kMaxMetaBytes) + " bytes";
    return false;
  }
  return true;
}

bool parse_meta(std::string_view text, std::string *meta, std::string *error) {
  json::Value value;
  // Blanks between its tokens count for nothing.
  return json::parse(text, {kMaxMetaDepth, 4 * kMaxMetaBytes}, &value, error) && take_meta(value, meta, error);
}

}  // namespace keyward::keys
