// JSON in: a scan for what yajl lets pass, then yajl's callbacks, which build a tree without recursion.
#include <yajl/yajl_parse.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <numeric>
#include <tuple>

#include "json/json.hpp"
#include "json/scan.hpp"

namespace keyward::json {

namespace {

// The tree as it grows. open_ points into it: a container's elements move only when the next one is added, and
// by then all that was inside the last one is closed.
class Builder {
 public:
  explicit Builder(Value *root) : root_(root) {}

  void set_handle(yajl_handle handle) noexcept { handle_ = handle; }
  bool exhausted() const noexcept { return exhausted_; }
  const char *problem() const noexcept { return problem_; }
  std::size_t problem_offset() const noexcept { return problem_offset_; }
  const std::string &twin() const noexcept { return twin_; }

  // Where the next value goes.
  Value &place() {
    if (open_.empty()) {
      return *root_;
    }
    Value &container = *open_.back().value;
    return container.type == Value::Type::array ? container.items.emplace_back() : container.members.back().second;
  }

  bool scalar(Value::Type type, std::string_view text) {
    Value &value = place();
    value.type = type;
    value.text = text;
    return true;
  }

  bool boolean(bool truth) {
    Value &value = place();
    value.type = Value::Type::boolean;
    value.boolean = truth;
    return true;
  }

  bool begin(Value::Type type) {
    Value &value = place();
    value.type = type;
    open_.push_back({&value, {}});
    return true;
  }

  bool name(std::string_view text) {
    const std::size_t offset = yajl_get_bytes_consumed(handle_) - 1;  // the closing quote
    if (text.find('\0') != std::string_view::npos) {
      return refuse("a NUL in a member's name", offset);
    }
    std::vector<Value::Member> &members = open_.back().value->members;
    if (members.empty() && open_.size() == 1) {  // of many small ones inside it, room for more would add up
      members.reserve(kUsualMembers);
      open_.back().name_offsets.reserve(kUsualMembers);
    }
    members.emplace_back(std::piecewise_construct, std::forward_as_tuple(text), std::forward_as_tuple());
    open_.back().name_offsets.push_back(offset);
    return true;
  }

  bool end_array() {
    open_.pop_back();
    return true;
  }

  bool end_object() {
    const std::vector<Value::Member> &members = open_.back().value->members;
    const std::size_t twin = members.size() <= kFewMembers ? find_twin_of_few(members) : find_twin_of_many(members);
    if (twin != members.size()) {
      twin_ = members[twin].first;
      return refuse("a member's name given twice", open_.back().name_offsets[twin]);
    }
    open_.pop_back();
    return true;
  }

  // Every callback goes through here: no exception may pass through yajl's C code.
  template <typename Step>
  static int guarded(void *context, Step step) noexcept {
    auto *builder = static_cast<Builder *>(context);
    try {
      return step(*builder) ? 1 : 0;
    } catch (...) {
      builder->exhausted_ = true;
      return 0;
    }
  }

 private:
  struct Open {
    Value *value;
    std::vector<std::size_t> name_offsets;  // where each member's name is
  };

  static constexpr std::size_t kUsualMembers = 8, kFewMembers = 16;

  // The first member whose name one before it has; members.size(): there is none.
  static std::size_t find_twin_of_few(const std::vector<Value::Member> &members) noexcept {
    std::size_t at = 0;
    const auto is_same = [&](const Value::Member &other) { return other.first == members[at].first; };
    while (at < members.size() && std::none_of(members.data(), members.data() + at, is_same)) {
      ++at;
    }
    return at;
  }

  // By sorting: comparing each name with all before it would take minutes for a megabyte of short ones.
  static std::size_t find_twin_of_many(const std::vector<Value::Member> &members) {
    std::vector<std::size_t> order(members.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&members](std::size_t a, std::size_t b) {
      const int difference = members[a].first.compare(members[b].first);
      return difference != 0 ? difference < 0 : a < b;
    });
    const auto twin = std::adjacent_find(order.begin(), order.end(), [&members](std::size_t a, std::size_t b) {
      return members[a].first == members[b].first;
    });
    return twin != order.end() ? *(twin + 1) : members.size();
  }

  bool refuse(const char *problem, std::size_t offset) noexcept {
    problem_ = problem;
    problem_offset_ = offset;
    return false;
  }

  Value *root_;
  std::vector<Open> open_;
  yajl_handle handle_ = nullptr;
  bool exhausted_ = false;
  const char *problem_ = nullptr;
  std::size_t problem_offset_ = 0;
  std::string twin_;
};

std::string_view view(const unsigned char *text, std::size_t size) noexcept {
  return {reinterpret_cast<const char *>(text), size};
}

int on_null(void *context) noexcept {
  return Builder::guarded(context, [](Builder &builder) { return builder.scalar(Value::Type::null, {}); });
}
int on_boolean(void *context, int truth) noexcept {
  return Builder::guarded(context, [truth](Builder &builder) { return builder.boolean(truth != 0); });
}
int on_number(void *context, const char *text, std::size_t size) noexcept {
  return Builder::guarded(context, [text, size](Builder &builder) {
    return builder.scalar(Value::Type::number, {text, size});
  });
}
int on_string(void *context, const unsigned char *text, std::size_t size) noexcept {
  return Builder::guarded(
      context, [text, size](Builder &builder) { return builder.scalar(Value::Type::string, view(text, size)); });
}
int on_start_map(void *context) noexcept {
  return Builder::guarded(context, [](Builder &builder) { return builder.begin(Value::Type::object); });
}
int on_map_key(void *context, const unsigned char *text, std::size_t size) noexcept {
  return Builder::guarded(context, [text, size](Builder &builder) { return builder.name(view(text, size)); });
}
int on_end_map(void *context) noexcept {
  return Builder::guarded(context, [](Builder &builder) { return builder.end_object(); });
}
int on_start_array(void *context) noexcept {
  return Builder::guarded(context, [](Builder &builder) { return builder.begin(Value::Type::array); });
}
int on_end_array(void *context) noexcept {
  return Builder::guarded(context, [](Builder &builder) { return builder.end_array(); });
}

// Numbers as they were written: yajl's own would round and saturate them.
constexpr yajl_callbacks kCallbacks = {on_null,      on_boolean, nullptr,    nullptr,        on_number,   on_string,
                                       on_start_map, on_map_key, on_end_map, on_start_array, on_end_array};

// yajl writes through what malloc() gives it without a look, so that refused memory would be a crash. So it gets all
// that it may need for a small text at once, and before it begins; only large texts, which no request brings, may ask
// for more. What a usual token brings is on the stack.
class Arena {
 public:
  explicit Arena(std::size_t text_size) : size_(kFixed + kPerByte * std::min(text_size, kSmallText)) {
    if (size_ > sizeof(own_)) {
      allocated_.reset(new char[size_]);
    }
    memory_ = size_ > sizeof(own_) ? allocated_.get() : own_;
  }
  Arena(const Arena &) = delete;
  Arena &operator=(const Arena &) = delete;

  yajl_alloc_funcs functions() noexcept { return {on_malloc, on_realloc, on_free, this}; }

 private:
  // Its handle, lexer and stack; and two buffers, which double until they hold the text.
  static constexpr std::size_t kFixed = 16384, kPerByte = 8, kSmallText = 16384, kUsualText = 1024;
  // In front of each block, its size.
  static constexpr std::size_t kHead = alignof(std::max_align_t);

  bool has(const void *block) const noexcept {
    const std::less<const char *> before;  // pointers into different objects, too, have an order by it
    const char *at = static_cast<const char *>(block);
    return !before(at, memory_) && before(at, memory_ + size_);
  }
  void *take(std::size_t size) noexcept {
    const std::size_t whole = kHead + (size + kHead - 1) / kHead * kHead;
    if (size > size_ || whole > size_ - used_) {
      return nullptr;
    }
    char *head = memory_ + used_;
    used_ += whole;
    std::memcpy(head, &size, sizeof(size));
    return head + kHead;
  }

  static void *on_malloc(void *self, std::size_t size) noexcept {
    void *block = static_cast<Arena *>(self)->take(size);
    return block != nullptr ? block : std::malloc(size);
  }
  static void *on_realloc(void *self, void *block, std::size_t size) noexcept {
    auto *arena = static_cast<Arena *>(self);
    if (block == nullptr || !arena->has(block)) {
      return block == nullptr ? on_malloc(self, size) : std::realloc(block, size);
    }
    std::size_t old = 0;
    std::memcpy(&old, static_cast<char *>(block) - kHead, sizeof(old));
    void *moved = on_malloc(self, size);
    if (moved != nullptr) {
      std::memcpy(moved, block, std::min(old, size));
    }
    return moved;
  }
  static void on_free(void *self, void *block) noexcept {
    if (!static_cast<Arena *>(self)->has(block)) {
      std::free(block);
    }
  }

  std::size_t size_;
  std::size_t used_ = 0;
  std::unique_ptr<char[]> allocated_;
  char *memory_ = nullptr;
  alignas(std::max_align_t) char own_[kFixed + kPerByte * kUsualText];
};

struct HandleFree {
  void operator()(yajl_handle handle) const noexcept { yajl_free(handle); }
};
using Handle = std::unique_ptr<std::remove_pointer_t<yajl_handle>, HandleFree>;

bool fail(const char *problem, std::size_t offset, std::string *error) {
  *error = std::string(problem) + " at byte " + std::to_string(offset);
  return false;
}

bool run_yajl(std::string_view text, Value *value, std::string *error, std::string *twin) {
  Builder builder(value);
  // Its own defaults are: no comments, strings validated, nothing after the value.
  Arena arena(text.size());
  yajl_alloc_funcs functions = arena.functions();
  const Handle handle(yajl_alloc(&kCallbacks, &functions, &builder));
  if (!handle) {
    throw std::bad_alloc();
  }
  builder.set_handle(handle.get());
  yajl_status status = yajl_parse(handle.get(), reinterpret_cast<const unsigned char *>(text.data()), text.size());
  // The last call only tells yajl that no more follows, and counts from 0 again.
  std::size_t offset = yajl_get_bytes_consumed(handle.get());
  if (status == yajl_status_ok) {
    status = yajl_complete_parse(handle.get());
    offset = text.size();
  }
  if (builder.exhausted()) {
    throw std::bad_alloc();
  }
  if (builder.problem() != nullptr) {
    if (twin != nullptr) {
      *twin = builder.twin();
    }
    return fail(builder.problem(), builder.problem_offset(), error);
  }
  return status == yajl_status_ok || fail("not valid JSON", offset, error);
}

}  // namespace

const Value *Value::find(std::string_view name) const noexcept {
  for (const Member &member : members) {
    if (member.first == name) {
      return &member.second;
    }
  }
  return nullptr;
}

bool Value::as_int(std::int64_t *out) const noexcept {
  if (type != Type::number) {
    return false;
  }
  const char *end = text.data() + text.size();
  std::int64_t number = 0;
  const auto [stop, problem] = std::from_chars(text.data(), end, number);
  if (problem != std::errc() || stop != end) {
    return false;
  }
  *out = number;
  return true;
}

bool parse(std::string_view text, const Limits &limits, Value *value, std::string *error, std::string *twin) {
  *value = Value();
  if (text.size() > limits.bytes) {
    *error = "more than " + std::to_string(limits.bytes) + " bytes";
    return false;
  }
  if (text.find_first_not_of(" \t\n\r") == std::string_view::npos) {
    *error = "an empty text";
    return false;
  }
  const ScanResult scanned = scan(text, limits.depth, limits.values);
  if (scanned.problem != nullptr) {
    return fail(scanned.problem, scanned.offset, error);
  }
  Value parsed;
  if (!run_yajl(text, &parsed, error, twin)) {
    return false;
  }
  *value = std::move(parsed);
  return true;
}

}  // namespace keyward::json
