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

// Whether it changes the store.
bool is_write(Operation operation) noexcept;
// Whether it ends or pauses a key. The default limit of writes doesn't count these, or whoever has stolen one key could
// keep its owner from ending it.
bool is_ending(Operation operation) noexcept;

// What it waits for, and behind what: each has threads of its own.
enum class Lane : std::uint8_t {
  changing,  // the store's lock
  reading,   // many records
  hashing,   // a run of bcrypt, for a key that is made or looked at
};
Lane lane_of(Operation operation) noexcept;
// Whether it may have a body.
bool takes_body(Operation operation) noexcept;

}  // namespace keyward::api
