// What a request to the keys API asks for, by its method and its path below the location.
#pragma once

#include <cstdint>
#include <string_view>

namespace keyward::api {

enum class Operation : std::uint8_t {
  none,  // there is nothing at this path
  list,
  create,
  show,
  change,
  remove,
  rotate,
  suspend,
  resume,
  activate,
  usage,
  whoami,
  verify,
  audit,
  list_subjects,
  show_subject,
  set_subject,
  remove_subject,
  show_limits,
  reset_limits,
  openapi,
  wrong_method,
};

struct Route {
  Operation operation = Operation::none;
  std::string_view id;       // of a key or a subject: a view into the path
  std::string_view allowed;  // of wrong_method: for the field Allow
};

// path: what stands behind the location's own name, decoded: "", "/", "/ID", "/ID/rotate". HEAD is GET.
Route find_route(std::string_view method, std::string_view path, bool is_admin) noexcept;

// Whether it changes the store: what the default limit of writes counts.
bool is_write(Operation operation) noexcept;
// Whether it may have a body.
bool takes_body(Operation operation) noexcept;

}  // namespace keyward::api
