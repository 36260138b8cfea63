// Looks through an answer for lists, and finds what has to be changed in it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "json/stream.hpp"
#include "mcp/list_filter.hpp"

namespace keyward::mcp {

// Bytes of a text that others take the place of.
struct Edit {
  std::uint64_t from = 0, to = 0;
  std::string_view text;  // a literal, or the caller's
};

// A part of a JSON text that stands somewhere in what came, as a line of an event does.
struct TextPart {
  std::uint64_t text_at = 0;
  std::size_t at = 0, size = 0;
};
// Appends what came, edited. Parts and edits in their order.
void write_edited(std::string_view came, const std::vector<TextPart> &parts, const std::vector<Edit> &edits,
                  std::string *out);

// One JSON text, piece by piece. Lists are looked for where results have them, whatever was asked: on a stream it isn't
// known. Entries whose name can't be read are taken out.
class ListScan {
 public:
  explicit ListScan(const ListReader &reader) noexcept : reader_(&reader) {}

  // false: it is no JSON. Throws std::bad_alloc.
  bool read(std::string_view piece);
  // After the last piece. edits: in their order, where it is `changed`.
  ListVerdict finish(std::vector<Edit> *edits);

  // So far.
  bool has_list() const noexcept { return has_list_; }
  std::string_view id() const noexcept { return id_; }  // as written; empty: none was read

 private:
  friend class json::StreamScanner;  // which calls these five
  json::Want begin(json::Kind kind, std::uint64_t at);
  void end(json::Kind kind, bool lone_surrogate, std::uint64_t end);
  json::Want begin_name() noexcept;
  void end_name(bool lone_surrogate);
  void text(std::string_view piece);

  enum class Node : std::uint8_t { none, message, result, list, entry };
  enum class Keeping : std::uint8_t { nothing, name, id, scope, entry_name };
  enum class List : std::uint8_t { tools, prompts, resources, templates };
  struct Entry {
    std::uint64_t from = 0, to = 0;
    bool stays = false;
  };

  Node node() const noexcept;
  bool once(std::uint32_t bit) noexcept;
  json::Want keep(Keeping what, std::string *where) noexcept;
  json::Want begin_in_message(json::Kind kind, std::uint64_t at, Node *inside);
  json::Want begin_in_result(json::Kind kind, std::uint64_t at, Node *inside);
  json::Want begin_in_entry(json::Kind kind) noexcept;
  bool stays() const;
  void end_list();

  const ListReader *reader_;
  json::StreamScanner scanner_;
  bool is_bad_ = false;  // JSON of which it can't be told what readers see in it
  bool has_list_ = false;
  bool entry_is_bad_ = false, entry_has_name_ = false;
  List list_ = List::tools;
  Keeping keeping_ = Keeping::nothing;
  std::string *kept_ = nullptr;
  std::uint32_t seen_ = 0;  // members of the message and of its result, a bit for each
  std::size_t depth_ = 0;
  std::array<Node, 4> nodes_ = {};
  std::string name_, id_, scope_, entry_name_;
  std::uint64_t result_at_ = 0;
  Edit scope_edit_;  // where cacheScope's value is
  std::vector<Entry> entries_;
  std::vector<Edit> edits_;
};

}  // namespace keyward::mcp
