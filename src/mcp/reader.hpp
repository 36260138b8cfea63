// Reads a JSON-RPC message in one pass, piece by piece, as a body comes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/digest.hpp"
#include "base/spilling_list.hpp"
#include "json/stream.hpp"
#include "mcp/member_name.hpp"
#include "mcp/message.hpp"

namespace keyward::mcp {

// How many members those objects may have together, in which none may come twice.
inline constexpr std::size_t kMaxMembers = 1024;

// Every byte is looked at. What some parser would read as another message is a fault: members given twice, or that equal
// one of the protocol's names only without regard to case or NUL, in the message, in params, _meta, ref and
// notifications. After such a fault it reads on, as the id may be still to come.
class MessageReader {
 public:
  // message outlives the reader, and is read once. with_digest: Message::params_digest() is wanted.
  explicit MessageReader(Message *message, bool with_digest = false) noexcept;
  MessageReader(const MessageReader &) = delete;
  MessageReader &operator=(const MessageReader &) = delete;

  // The next piece of the body, cut anywhere. false: it is no JSON, and what follows needn't be read; finish() is to be
  // called all the same. Throws std::bad_alloc, after which neither reader nor message may be used.
  bool read(std::string_view piece);
  // After the last piece: settles kind, fault and method of the message.
  void finish() noexcept;

 private:
  friend class json::StreamScanner;  // which calls these five
  json::Want begin(json::Kind kind, std::uint64_t at);
  void end(json::Kind kind, bool lone_surrogate, std::uint64_t end);
  json::Want begin_name() noexcept;
  void end_name(bool lone_surrogate);
  void text(std::string_view piece);

  // What text() brings.
  enum class Keeping : std::uint8_t { nothing, name, member, listed };

  // The innermost open bracket.
  Node node() const noexcept;
  void refuse(const char *problem) noexcept;
  json::Want begin_of_message(json::Kind kind, Node *inside);
  json::Want begin_of_params(json::Kind kind, Node *inside);
  void enter(Node node) noexcept;
  json::Want keep(Message::Kept kept, bool is_right) noexcept;
  json::Want begin_listed(bool is_string) noexcept;
  void end_kept(bool lone_surrogate);
  void begin_digest(std::uint64_t at) noexcept;
  void add_to_digest(std::uint64_t end) noexcept;
  const char *find_missing() const noexcept;

  // The objects that are looked at nest so deep at most, and one list is in the innermost.
  static constexpr std::size_t kLevels = 3;

  Message *message_;
  json::StreamScanner scanner_;
  bool with_digest_, has_digest_ = false, in_digest_ = false;
  bool bad_lists_ = false;
  Keeping keeping_ = Keeping::nothing;
  Message::Kept kept_ = Message::kKeptCount;
  Member member_ = Member::other;  // whose value comes, or came last
  std::uint8_t depth_ = 0;         // of open brackets
  std::array<Node, kLevels + 1> nodes_ = {};
  std::size_t kept_at_ = 0;
  MemberName name_;
  // Which listed members each level has, a bit for each; and hashes of the names of all others, one level behind the
  // other.
  std::array<std::uint32_t, kLevels> seen_ = {};
  std::array<std::size_t, kLevels> first_other_ = {};
  SpillingList<std::uint64_t, 24, kMaxMembers> others_;
  // Of the text: where the piece is, and how far the digest has got.
  std::uint64_t offset_ = 0, digested_ = 0;
  std::string_view piece_;
  Sha256Stream digest_;
};

}  // namespace keyward::mcp
