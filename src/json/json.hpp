// JSON in (strict, over yajl's callbacks) and out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keyward::json {

// A parsed document: a token's parts, a key set, the command's input. Members keep their order.
class Value {
 public:
  enum class Type { null, boolean, number, string, array, object };
  using Member = std::pair<std::string, Value>;

  Type type = Type::null;
  bool boolean = false;
  std::string text;  // a string's characters; a number exactly as it was written
  std::vector<Value> items;
  std::vector<Member> members;

  const Value *find(std::string_view name) const noexcept;  // of an object; nullptr if absent
  // A number that is a whole one in range, written without fraction or exponent.
  bool as_int(std::int64_t *out) const noexcept;
};

struct Limits {
  std::size_t depth = 16;
  std::size_t bytes = 1 << 20;
  std::size_t values = 1 << 20;  // each takes some hundred bytes of memory, and two of text
};

// Parses one whole document. Refused, with a sentence in error that says what and at which byte: anything
// RFC 8259 refuses, comments, duplicate members (after unescaping), a NUL in a member's name, lone surrogates,
// invalid UTF-8, form feeds between tokens, an empty text, trailing content, more than limits allow.
// The error quotes nothing of the text. twin, where it isn't nullptr, gets the name that was given twice, for whoever may
// show it.
bool parse(std::string_view text, const Limits &limits, Value *value, std::string *error, std::string *twin = nullptr);

// Of a tree that may hold secrets: overwrites all its texts, but for members' names.
void wipe_texts(Value *value) noexcept;

// Writes JSON without a tree: commas and escapes are its business, nesting the caller's.
class Writer {
 public:
  explicit Writer(bool pretty = false) : pretty_(pretty) {}
  Writer &begin_object();
  Writer &end_object();
  Writer &begin_array();
  Writer &end_array();
  Writer &key(std::string_view name);
  Writer &string(std::string_view text);  // invalid UTF-8 becomes U+FFFD
  Writer &number(std::int64_t value);
  Writer &as_written(std::string_view json);  // a whole value, or a number of a parsed Value
  Writer &boolean(bool value);
  Writer &null();
  Writer &value(const Value &value);  // all of it
  Writer &member(std::string_view name, std::string_view text) { return key(name).string(text); }
  const std::string &text() const noexcept { return out_; }

 private:
  void separate();
  void newline();
  void open(char bracket);
  void close(char bracket);
  void quoted(std::string_view text);
  std::string out_;
  bool pretty_;
  bool first_ = true;
  bool after_key_ = false;
  std::size_t depth_ = 0;
};

// How many bytes escape() writes for text, without the quotes; and the writing, for the request path: no
// allocation. Control characters, '"' and '\\' are escaped; bytes that aren't UTF-8 become U+FFFD.
std::size_t escaped_length(std::string_view text) noexcept;
char *escape(char *out, std::string_view text) noexcept;

}  // namespace keyward::json
