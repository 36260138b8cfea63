// Trees that held secrets.
#include "base/digest.hpp"
#include "json/json.hpp"

namespace keyward::json {

void wipe_texts(Value *value) noexcept {
  wipe(value->text.data(), value->text.size());
  for (Value &item : value->items) {
    wipe_texts(&item);
  }
  for (Value::Member &member : value->members) {
    wipe_texts(&member.second);
  }
}

}  // namespace keyward::json
