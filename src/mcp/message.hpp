// What is kept of one JSON-RPC message of MCP; MessageReader (reader.hpp) fills it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.hpp"
#include "base/spilling_list.hpp"
#include "mcp/call.hpp"
#include "mcp/fault.hpp"
#include "mcp/method.hpp"

namespace keyward::mcp {

// Bounds for each text that is kept, for all of a message's, and for what one subscribes to at once. Names and URIs are
// far shorter; without bounds, matching patterns could be made to take long.
inline constexpr std::size_t kMaxKeptText = 8192, kMaxKeptTexts = 65536, kMaxListed = 1024;

// Some 1.5 KB, which hold a usual message without allocation. Not copied, as views go into it. Texts stand as long as it
// does.
class Message {
 public:
  Message() = default;
  Message(const Message &) = delete;
  Message &operator=(const Message &) = delete;

  // Settled by MessageReader::finish().
  MessageKind kind() const noexcept { return kind_; }
  Fault fault() const noexcept { return fault_; }
  // What is wrong with it, for a log: a literal; nullptr: nothing.
  const char *problem() const noexcept { return problem_; }

  // As written, quotes and all; empty: there is none, or none that could be read.
  std::string_view id() const noexcept { return text(kId); }
  std::string_view method_text() const noexcept { return text(kMethod); }  // decoded; empty: there is none
  Method method() const noexcept { return method_; }
  // What the method is about: params.name, uri or taskId, decoded. Empty where the method has none.
  std::string_view name() const noexcept;
  // What a method that the protocol doesn't know may be about: params.name, uri and taskId, whichever are strings.
  std::array<std::string_view, 3> possible_names() const noexcept { return {text(kName), text(kUri), text(kTaskId)}; }

  // params._meta["io.modelcontextprotocol/protocolVersion"], if it is a string.
  bool has_version() const noexcept { return has(kVersion); }
  std::string_view version() const noexcept { return text(kVersion); }

  // Of completion/complete: what is completed. Where a ref has both, it is both.
  bool has_ref_name() const noexcept { return has(kRefName); }
  std::string_view ref_name() const noexcept { return text(kRefName); }
  bool has_ref_uri() const noexcept { return has(kRefUri); }
  std::string_view ref_uri() const noexcept { return text(kRefUri); }

  // Of subscriptions/listen: resources (their URIs) and tasks, in the order in which they came.
  std::size_t listed_count() const noexcept { return listed_.size(); }
  bool is_listed_task(std::size_t i) const noexcept { return listed_[i].is_task; }
  std::string_view listed(std::size_t i) const noexcept { return view(listed_[i].at, listed_[i].size); }

  bool has_task() const noexcept { return has_task_; }          // params.task, whatever it is
  bool is_continued() const noexcept { return is_continued_; }  // inputResponses or requestState: no repetition
  // SHA-256 of what params say, member by member, in their order and as they are written, without _meta. All zero
  // without params, or where the reader wasn't asked for it.
  const Sha256 &params_digest() const noexcept { return params_digest_; }

 private:
  friend class MessageReader;

  static constexpr std::size_t kUsualTexts = 512;
  // Members of which the text is kept.
  enum Kept : std::uint8_t { kMethod, kId, kName, kUri, kTaskId, kVersion, kRefName, kRefUri, kKeptCount };
  enum class Seen : std::uint8_t { absent, text, other };  // other: what it must not be
  struct KeptText {
    std::uint32_t at = 0, size = 0;  // in texts_
    Seen seen = Seen::absent;
  };
  struct Listed {
    std::uint32_t at = 0, size = 0;
    bool is_task = false;
  };

  bool has(Kept kept) const noexcept { return kept_[kept].seen == Seen::text; }
  std::string_view text(Kept kept) const noexcept {
    return has(kept) ? view(kept_[kept].at, kept_[kept].size) : std::string_view();
  }
  std::string_view view(std::size_t at, std::size_t size) const noexcept { return {texts_.begin() + at, size}; }

  MessageKind kind_ = MessageKind::unreadable;
  Fault fault_ = Fault::none;
  Method method_ = Method::other;
  bool has_task_ = false, is_continued_ = false;
  const char *problem_ = nullptr;
  std::array<KeptText, kKeptCount> kept_ = {};
  Sha256 params_digest_ = {};
  SpillingList<Listed, 4, kMaxListed> listed_;
  SpillingList<char, kUsualTexts, kMaxKeptTexts> texts_;
};

}  // namespace keyward::mcp
