// The members of a message that mean something, and those that only some parsers take for them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace keyward::mcp {

// Where in a message: the objects whose members are looked at, and the two lists of subscriptions/listen.
enum class Node : std::uint8_t { none, message, params, meta, ref, notifications, resources, tasks };

enum class Member : std::uint8_t {
  other,
  jsonrpc,
  method,
  params,
  id,
  result,
  error,
  name,
  uri,
  task_id,
  ref,
  arguments,
  notifications,
  meta,
  type,
  task,
  input_responses,
  request_state,
  resource_subscriptions,
  task_ids,
  protocol_version,
};

// A member's name, as its characters come.
class MemberName {
 public:
  void clear() noexcept {
    size_ = 0;
    overflowed_ = has_nul_ = false;
  }
  void add(std::string_view piece) noexcept;

  // Which one it is, exactly.
  Member member() const noexcept;
  // Of one that is `other`: whether some parser might take it for one of the names that mean something in this object:
  // one that ignores case, in whatever way, or a NUL, or what follows a NUL. Any name with a NUL is one.
  bool is_lookalike(Node node) const noexcept;
  bool has_nul() const noexcept { return has_nul_; }

  // The same for the same name. FNV-1a: who makes two names collide is refused, as if they were one.
  std::uint64_t hash() const noexcept;
  // The characters, as far as they are kept.
  std::string_view text() const noexcept { return {text_, size_}; }

 private:
  // More than any spelling of a listed name takes: 39 characters, of which some may be written in three bytes.
  static constexpr std::size_t kRoom = 120;

  char text_[kRoom];
  std::uint8_t size_ = 0;
  bool overflowed_ = false, has_nul_ = false;
  std::uint64_t hash_ = 0;  // of all, if it overflowed
};

}  // namespace keyward::mcp
