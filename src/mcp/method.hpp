// The protocol's own methods, of all its revisions, and which of them say what they are about by a name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace keyward::mcp {

// What clients and servers may send. `other`: no revision knows it.
enum class Method : std::uint8_t {
  other,
  tools_call,
  prompts_get,
  resources_read,
  resources_subscribe,
  resources_unsubscribe,
  tasks_get,
  tasks_result,
  tasks_update,
  tasks_cancel,
  completion_complete,
  subscriptions_listen,
  server_discover,
  initialize,
  ping,
  tools_list,
  prompts_list,
  resources_list,
  resources_templates_list,
  tasks_list,
  logging_set_level,
  sampling_create_message,
  elicitation_create,
  roots_list,
  notifications_initialized,
  notifications_cancelled,
  notifications_progress,
  notifications_message,
  notifications_roots_list_changed,
  notifications_tools_list_changed,
  notifications_prompts_list_changed,
  notifications_resources_list_changed,
  notifications_resources_updated,
  notifications_subscriptions_acknowledged,
  notifications_elicitation_complete,
  notifications_tasks,
  notifications_tasks_status,
};
inline constexpr std::size_t kMethodCount = 37;

// By its exact text.
Method method_of(std::string_view text) noexcept;
std::string_view to_text(Method method) noexcept;  // of `other`: empty

// Which member of params is a method's name, in the words of keyward_rpc.
enum class NameKind : std::uint8_t { none, name, uri, task };
NameKind name_kind(Method method) noexcept;

}  // namespace keyward::mcp
