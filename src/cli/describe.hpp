// Keys and lists as people and programs read them. Nothing here shows a key, a hash or a verifier.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/rate.hpp"
#include "cli/context.hpp"
#include "cli/output.hpp"
#include "json/json.hpp"
#include "store/records/record.hpp"

namespace keyward::cli {

// What is told of one record, described once: as members of a JSON object for programs, or as a table's lines for
// people. Whatever has no member's name is for people only, and whatever has no label is for programs only.
class Description {
 public:
  explicit Description(json::Writer *json) : json_(json) {}
  explicit Description(Fields *fields) : fields_(fields) {}

  // null, or "-", for what is absent: an empty text, a time of 0, a list that isn't there.
  void text(std::string_view member, std::string_view label, std::string_view value);
  void time(std::string_view member, std::string_view label, std::int64_t time_s);
  void number(std::string_view member, std::string_view label, std::uint64_t value, bool is_present = true);
  void flag(std::string_view member, std::string_view label, bool value);  // yes or no
  void scopes(const OptionalList<std::string> &scopes);
  void limits(const OptionalList<Rate> &limits);
  // For people only where there is something.
  void concurrency(std::uint32_t most);
  void allow_from(std::string_view packed);
  void meta(std::string_view json);
  // Whose a key is and what it may do: name, subject, plan, scopes, limits, concurrency, allow_from, meta.
  void terms(const KeyRecord &key);
  // A text that people see in a form of its own.
  void text_as(std::string_view member, std::string_view label, std::string_view value, Cell cell);
  void for_people(std::string_view label, Cell cell);
  // For values that have members of their own; nullptr: for people.
  json::Writer *json() noexcept { return json_; }

 private:
  json::Writer *json_ = nullptr;
  Fields *fields_ = nullptr;
};

// Shows one record as the context asks for. describe(Description *): its fields, in order.
template <typename Describe>
void print_record(Context &context, Describe &&describe) {
  if (context.json) {
    auto writer = context.json_writer();
    writer.begin_object();
    Description description(&writer);
    describe(&description);
    writer.end_object();
    context.print(writer);
  } else {
    Fields fields;
    Description description(&fields);
    describe(&description);
    fields.print(context.out);
  }
}

// A JSON value; null for an empty text, a time of 0, an absent list.
void put_text(json::Writer &writer, std::string_view name, std::string_view text);
void put_time(json::Writer &writer, std::string_view name, std::int64_t time_s);
void put_scopes(json::Writer &writer, const OptionalList<std::string> &scopes);
void put_limits(json::Writer &writer, const OptionalList<Rate> &limits);
void put_networks(json::Writer &writer, std::string_view name, std::string_view packed);

// For tables: "-" for what is absent, "(nothing)" for an empty list.
std::string text_of(std::string_view text);
std::string scopes_text(const OptionalList<std::string> &scopes);
std::string limits_text(const OptionalList<Rate> &limits);
// "2026-01-02T03:04:05Z", "-" for 0.
std::string time_text(std::int64_t time_s);
std::string number_text(std::uint64_t number);  // "-" for 0
// How long ago.
std::string ago_text(std::int64_t time_s, std::int64_t now_s);

Cell state_cell(const KeyRecord &key, std::int64_t now_s);

}  // namespace keyward::cli
