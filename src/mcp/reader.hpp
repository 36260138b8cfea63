// Reads a JSON-RPC message in one pass, piece by piece, as a body comes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/digest.hpp"
#include "base/spilling_list.hpp"
#include "json/stream.hpp"
#include "mcp/message.hpp"

namespace keyward::mcp {

// How deep a message may nest.
inline constexpr std::size_t kMaxDepth = 128;

// Every byte is looked at. What some parser would read as another message is a fault: members given twice, or that equal
// one of the protocol's names only without regard to case or NUL, in the message, in params, _meta, ref and
// notifications. Reads on after such a fault, as the id is still to come.
class MessageReader {
 public:
  // message outlives the reader, and is read once. with_digest: Message::params_digest() is wanted.
  explicit MessageReader(Message *message, bool with_digest = false) noexcept;
  MessageReader(const MessageReader &) = delete;
  MessageReader &operator=(const MessageReader &) = delete;

  // The next piece of the body; any cut will do. false: it is no JSON, and what follows needn't be read. Throws
  // std::bad_alloc, after which the message is nothing.
  bool read(std::string_view piece);
  // After the last piece: settles kind, fault and all else of the message. noexcept.
  void finish() noexcept;

 private:
  Message *message_;
};

}  // namespace keyward::mcp
