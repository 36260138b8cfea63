// Takes out of the answers to tools/list, prompts/list, resources/list and resources/templates/list what a caller could
// not call. All else stays byte for byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "auth/scope.hpp"
#include "mcp/call.hpp"
#include "mcp/rules.hpp"

namespace keyward::mcp {

// For whom a list is filtered. All of it outlives the filter.
struct ListReader {
  const RuleList *rules = nullptr;
  const Grants *grants = nullptr;  // of an anonymous caller, who loses only what is refused to all: Grants::all()
  Era era = Era::legacy;           // modern: results say cacheScope "private"
  std::size_t bound = 1 << 20;     // list=: of an answer, or of one event
  std::string_view id;             // of the request, as written; empty: a GET stream, on which any response may come
};

enum class ListVerdict : std::uint8_t {
  unchanged,   // pass on what came
  changed,     // pass on what was written
  unreadable,  // 502 list_unreadable: the caller doesn't satisfy every rule, and what is in it can't be told
};

// A whole JSON answer, of at most the bound. out: written where it is `changed`. Throws std::bad_alloc.
ListVerdict filter_list(const ListReader &reader, std::string_view answer, std::string *out);
// Of one that is larger than the bound, or encoded: unreadable, unless the caller satisfies every rule.
ListVerdict judge_unread_list(const ListReader &reader) noexcept;

// An event stream (text/event-stream), piece by piece. Each event is held until it is whole, and then passes, with its
// list filtered, or as a JSON-RPC error under its id.
class EventStreamFilter {
 public:
  explicit EventStreamFilter(const ListReader &reader);
  EventStreamFilter(const EventStreamFilter &) = delete;
  EventStreamFilter &operator=(const EventStreamFilter &) = delete;

  // The next piece; what may go on now is appended to out. false: the stream has to be broken off here, as what follows
  // can't be judged. Throws std::bad_alloc.
  bool read(std::string_view piece, std::string *out);
  // After the last piece: what is left, an event without its end, goes on like any other.
  bool finish(std::string *out);

 private:
  ListReader reader_;
};

}  // namespace keyward::mcp
