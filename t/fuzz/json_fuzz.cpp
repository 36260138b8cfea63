// The JSON reader: what passes is UTF-8, within its depth, and has no member twice.
#include "json/json.hpp"

#include <set>

#include "base/utf8.hpp"
#include "fuzz.hpp"

using namespace keyward;

namespace {

void look_at(const json::Value &value, std::size_t depth) {
  fuzz::must(is_utf8(value.text));
  fuzz::must(depth > 0 || (value.items.empty() && value.members.empty()));
  std::set<std::string_view> names;
  for (const json::Value &item : value.items) {
    look_at(item, depth - 1);
  }
  for (const auto &[name, member] : value.members) {
    fuzz::must(is_utf8(name) && name.find('\0') == std::string::npos && names.insert(name).second);
    look_at(member, depth - 1);
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  json::Value value;
  std::string error;
  const json::Limits limits;
  if (json::parse(fuzz::text_of(data, size), limits, &value, &error)) {
    look_at(value, limits.depth);
  } else {
    fuzz::must(!error.empty() && value.type == json::Value::Type::null);
  }
  return 0;
}
