// Takes out of the answers to tools/list, prompts/list, resources/list and resources/templates/list what a caller could
// not call. All else stays byte for byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auth/scope.hpp"
#include "mcp/era.hpp"
#include "mcp/rules.hpp"

namespace keyward::mcp {

// For whom a list is filtered. All of it outlives the filter.
struct ListReader {
  const RuleList *rules = nullptr;
  const Grants *grants = nullptr;  // of an anonymous caller, who loses only what is refused to all: Grants::all()
  Era era = Era::legacy;           // modern: results say cacheScope "private"
  std::size_t bound = 1 << 20;     // list=: of an answer, or of one event, in bytes
  std::string_view id;             // of the request, as written; empty: a GET stream, on which any response may come
  // What takes the place of an event that can't be filtered: a JSON-RPC error object.
  std::string_view error = R"({"code":-32603,"message":"upstream answer can't be filtered"})";
};

enum class ListVerdict : std::uint8_t {
  unchanged,   // pass on what came
  changed,     // pass on what was written
  unreadable,  // 502 list_unreadable: what is in it can't be told, and the caller doesn't satisfy every rule
};

// A whole JSON answer, of at most the bound. out: written where it is `changed`. Throws std::bad_alloc.
ListVerdict filter_list(const ListReader &reader, std::string_view answer, std::string *out);
// Of one that is larger than the bound, or encoded, or no JSON: unreadable, unless the caller satisfies every rule.
ListVerdict judge_unread_list(const ListReader &reader) noexcept;

class ListScan;
struct TextPart;

// An event stream (text/event-stream), piece by piece. Each event is held until it is whole, and then passes, with its
// list filtered, or with a JSON-RPC error under its id in the place of its data.
//
// On a GET stream any answer may come, of any size: one that is larger than the bound passes as long as there is no list
// in it. Where one begins after all, the stream is broken off.
class EventStreamFilter {
 public:
  explicit EventStreamFilter(const ListReader &reader);
  EventStreamFilter(const EventStreamFilter &) = delete;
  EventStreamFilter &operator=(const EventStreamFilter &) = delete;
  ~EventStreamFilter();

  // The next piece; what may go on now is appended to out, and goes on also where the answer is false: the stream has to
  // be broken off there. Throws std::bad_alloc, after which it has to be, too.
  bool read(std::string_view piece, std::string *out);
  // After the last piece: an event without its end goes on like any other.
  void finish(std::string *out);

 private:
  enum class Line : std::uint8_t { mark, name, before_value, data, other };  // mark: of byte order, before the first
  enum class Passing : std::uint8_t {
    held,     // until its end is there
    watched,  // as it comes, and looked at
    freely,   // as it comes
    dropped,
  };

  void take(std::string_view bytes, std::string *out);
  bool read_line_part(std::string_view part);
  Line after_name(char c);
  void begin_data_line();
  void add_data(std::string_view data, std::size_t at);
  void overflow(std::string *out);
  void end_event(std::string *out);
  void begin_event();

  ListReader reader_;
  std::unique_ptr<ListScan> scan_;  // of this event's data
  Line line_ = Line::mark;
  Passing passing_ = Passing::held;
  std::size_t column_ = 0;     // of the line; of the mark, before it
  bool after_return_ = false;  // a line feed belongs to the carriage return before it
  bool is_json_ = true;
  std::size_t data_lines_ = 0;
  std::uint64_t data_size_ = 0;
  std::string event_;            // as it came so far
  std::vector<TextPart> parts_;  // of its data
};

}  // namespace keyward::mcp
