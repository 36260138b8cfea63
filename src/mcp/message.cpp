// What a message is about.
#include "mcp/message.hpp"

namespace keyward::mcp {

std::string_view Message::name() const noexcept {
  switch (name_kind(method_)) {
    case NameKind::none:
      return {};
    case NameKind::name:
      return text(kName);
    case NameKind::uri:
      return text(kUri);
    case NameKind::task:
      return text(kTaskId);
  }
  return {};
}

}  // namespace keyward::mcp
