// Names are few and short: they are compared with one after the other.
#include "mcp/member_name.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/ascii.hpp"

namespace keyward::mcp {

namespace {

struct Listed {
  std::string_view text;
  Node only = Node::none;  // looked at in this object alone; none: in all of them
};

// In the order of Member.
constexpr std::array<Listed, 20> kListed = {{
    {"jsonrpc"},
    {"method"},
    {"params"},
    {"id"},
    {"result"},
    {"error"},
    {"name"},
    {"uri"},
    {"taskId"},
    {"ref"},
    {"arguments"},
    {"notifications"},
    {"_meta"},
    {"type", Node::ref},
    {"task", Node::params},
    {"inputResponses", Node::params},
    {"requestState", Node::params},
    {"resourceSubscriptions", Node::notifications},
    {"taskIds", Node::notifications},
    {"io.modelcontextprotocol/protocolVersion", Node::meta},
}};
static_assert(static_cast<std::size_t>(Member::protocol_version) == kListed.size());

constexpr std::uint64_t kFnvBasis = 0xcbf29ce484222325, kFnvPrime = 0x100000001b3;

std::uint64_t add_to_hash(std::uint64_t hash, std::string_view text) noexcept {
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * kFnvPrime;
  }
  return hash;
}

// Writes text, valid UTF-8, in small letters, as a parser might that ignores case; returns its length, which isn't
// larger. U+017F and U+212A fold to s and k (CaseFolding.txt, C and S); Java's and .NET's own also U+0130 and U+0131 to
// i.
std::size_t fold(std::string_view text, char *out) noexcept {
  struct Folded {
    std::string_view sequence;
    char letter;
  };
  constexpr std::array<Folded, 4> kFolded = {
      {{"\xc5\xbf", 's'}, {"\xe2\x84\xaa", 'k'}, {"\xc4\xb0", 'i'}, {"\xc4\xb1", 'i'}}};
  std::size_t size = 0;
  while (!text.empty()) {
    std::size_t used = 1;
    char letter = to_lower(text.front());
    if (static_cast<unsigned char>(letter) >= 0x80) {
      for (const Folded &folded : kFolded) {
        if (text.substr(0, folded.sequence.size()) == folded.sequence) {
          used = folded.sequence.size();
          letter = folded.letter;
        }
      }
    }
    out[size++] = letter;
    text.remove_prefix(used);
  }
  return size;
}

}  // namespace

void MemberName::add(std::string_view piece) noexcept {
  has_nul_ = has_nul_ || piece.find('\0') != std::string_view::npos;
  const std::size_t room = kRoom - size_;
  const std::size_t kept = std::min(room, piece.size());
  std::memcpy(text_ + size_, piece.data(), kept);
  size_ = static_cast<std::uint8_t>(size_ + kept);
  if (piece.size() > kept) {
    hash_ = add_to_hash(overflowed_ ? hash_ : add_to_hash(kFnvBasis, text()), piece.substr(kept));
    overflowed_ = true;
  }
}

std::uint64_t MemberName::hash() const noexcept { return overflowed_ ? hash_ : add_to_hash(kFnvBasis, text()); }

Member MemberName::member() const noexcept {
  if (overflowed_) {
    return Member::other;
  }
  const std::string_view own = text();
  for (std::size_t i = 0; i < kListed.size(); ++i) {
    if (kListed[i].text.size() == own.size() && kListed[i].text == own) {
      return static_cast<Member>(i + 1);
    }
  }
  return Member::other;
}

bool MemberName::is_lookalike(Node node) const noexcept {
  if (has_nul_) {
    return true;
  }
  if (overflowed_) {
    return false;
  }
  char folded[kRoom];
  const std::string_view own(folded, fold(text(), folded));
  return std::any_of(kListed.begin(), kListed.end(), [&](const Listed &listed) {
    return (listed.only == Node::none || listed.only == node) && equal_caseless(own, listed.text);
  });
}

}  // namespace keyward::mcp
