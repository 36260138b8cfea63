// The scanner finds what is there; here it is decided what it means, and what is kept of it.
#include "mcp/reader.hpp"

#include <algorithm>

#include "json/stream_scan.hpp"

namespace keyward::mcp {

using json::Kind;
using json::Want;

namespace {

constexpr const char *kTooLong = "a method, an id or a name that is too long";

bool is_bracket(Kind kind) noexcept { return kind == Kind::object || kind == Kind::array; }
bool is_list(Node node) noexcept { return node == Node::resources || node == Node::tasks; }
constexpr std::uint32_t bit_of(Member member) noexcept { return std::uint32_t{1} << static_cast<unsigned>(member); }

}  // namespace

MessageReader::MessageReader(Message *message, bool with_digest) noexcept
    : message_(message), with_digest_(with_digest) {}

void MessageReader::refuse(const char *problem) noexcept {
  if (message_->fault_ == Fault::none) {
    message_->fault_ = Fault::no_message;
    message_->problem_ = problem;
  }
}

Node MessageReader::node() const noexcept {
  return depth_ > 0 && depth_ <= nodes_.size() ? nodes_[depth_ - 1U] : Node::none;
}

bool MessageReader::read(std::string_view piece) {
  piece_ = piece;
  const bool good = scanner_.scan(piece, *this);
  if (good && in_digest_) {
    add_to_digest(offset_ + piece.size());
  }
  offset_ += piece.size();
  return good;
}

// The value of which begin() tells: what is kept of it, and what is inside it.

Want MessageReader::begin(Kind kind, std::uint64_t at) {
  Node inside = Node::none;
  Want want = Want::nothing;
  switch (node()) {
    case Node::none:
      if (depth_ == 0) {
        if (kind == Kind::object) {
          inside = Node::message;
        } else {
          refuse(kind == Kind::array ? "a batch" : "no object");
        }
      }
      break;
    case Node::message:
      want = begin_of_message(kind, &inside);
      break;
    case Node::params:
      want = begin_of_params(kind, &inside);
      if (with_digest_ && member_ != Member::meta) {
        begin_digest(at);
      }
      break;
    case Node::meta:
      want = member_ == Member::protocol_version ? keep(Message::kVersion, kind == Kind::string) : Want::nothing;
      break;
    case Node::ref:
      want = member_ == Member::name  ? keep(Message::kRefName, kind == Kind::string)
             : member_ == Member::uri ? keep(Message::kRefUri, kind == Kind::string)
                                      : Want::nothing;
      break;
    case Node::notifications:
      if (member_ == Member::resource_subscriptions || member_ == Member::task_ids) {
        inside = kind != Kind::array                         ? Node::none
                 : member_ == Member::resource_subscriptions ? Node::resources
                                                             : Node::tasks;
        bad_lists_ = bad_lists_ || kind != Kind::array;
      }
      break;
    case Node::resources:
    case Node::tasks:
      want = begin_listed(kind == Kind::string);
      break;
  }
  if (is_bracket(kind)) {
    enter(inside);
  }
  return want;
}

Want MessageReader::begin_of_message(Kind kind, Node *inside) {
  switch (member_) {
    case Member::method:
      if (kind != Kind::string) {
        refuse("a method that is no string");
      }
      return keep(Message::kMethod, kind == Kind::string);
    case Member::id: {
      const bool is_right = kind == Kind::string || kind == Kind::number;
      if (!is_right) {
        refuse("an id that is neither a string nor a whole number");
      }
      return keep(Message::kId, is_right) == Want::nothing ? Want::nothing : Want::raw;
    }
    case Member::params:
      if (kind != Kind::object) {
        refuse("params that are no object");
      } else {
        *inside = Node::params;
      }
      return Want::nothing;
    default:
      return Want::nothing;
  }
}

Want MessageReader::begin_of_params(Kind kind, Node *inside) {
  const bool is_object = kind == Kind::object;
  switch (member_) {
    case Member::name:
      return keep(Message::kName, kind == Kind::string);
    case Member::uri:
      return keep(Message::kUri, kind == Kind::string);
    case Member::task_id:
      return keep(Message::kTaskId, kind == Kind::string);
    case Member::meta:
      *inside = is_object ? Node::meta : Node::none;
      break;
    case Member::ref:
      *inside = is_object ? Node::ref : Node::none;
      break;
    case Member::notifications:
      *inside = is_object ? Node::notifications : Node::none;
      bad_lists_ = bad_lists_ || !is_object;
      break;
    case Member::task:
      message_->has_task_ = true;
      break;
    case Member::input_responses:
    case Member::request_state:
      message_->is_continued_ = true;
      break;
    default:
      break;
  }
  return Want::nothing;
}

void MessageReader::enter(Node node) noexcept {
  ++depth_;
  if (depth_ <= nodes_.size()) {
    nodes_[depth_ - 1U] = node;
    if (node != Node::none && !is_list(node)) {
      seen_[depth_ - 1U] = 0;
      first_other_[depth_ - 1U] = others_.size();
    }
  }
}

// One that was kept already was given twice, which is a fault already: then neither can be relied on.
Want MessageReader::keep(Message::Kept kept, bool is_right) noexcept {
  Message::KeptText &text = message_->kept_[kept];
  if (!is_right || text.seen != Message::Seen::absent) {
    text.seen = Message::Seen::other;
    return Want::nothing;
  }
  keeping_ = Keeping::member;
  kept_ = kept;
  kept_at_ = message_->texts_.size();
  return Want::decoded;
}

Want MessageReader::begin_listed(bool is_string) noexcept {
  if (!is_string) {
    bad_lists_ = true;
    return Want::nothing;
  }
  keeping_ = Keeping::listed;
  kept_at_ = message_->texts_.size();
  return Want::decoded;
}

void MessageReader::end(Kind kind, bool lone_surrogate, std::uint64_t end) {
  if (is_bracket(kind)) {
    const Node left = node();
    if (left != Node::none && !is_list(left)) {
      others_.truncate(first_other_[depth_ - 1U]);
    }
    --depth_;
  } else if (keeping_ != Keeping::nothing) {
    end_kept(lone_surrogate);
  }
  if (in_digest_ && depth_ == 2) {
    add_to_digest(end);
    in_digest_ = false;
  }
}

void MessageReader::text(std::string_view piece) {
  if (keeping_ == Keeping::name) {
    name_.add(piece);
  } else if (keeping_ != Keeping::nothing) {
    SpillingList<char, Message::kUsualTexts, kMaxKeptTexts> &texts = message_->texts_;
    if (texts.size() - kept_at_ + piece.size() > kMaxKeptText || !texts.append(piece.data(), piece.size())) {
      refuse(kTooLong);
      if (keeping_ == Keeping::member) {
        message_->kept_[kept_].seen = Message::Seen::other;
      }
      keeping_ = Keeping::nothing;
    }
  }
}

void MessageReader::end_kept(bool lone_surrogate) {
  const std::size_t size = message_->texts_.size() - kept_at_;
  const std::string_view written = message_->view(kept_at_, size);
  const auto at32 = static_cast<std::uint32_t>(kept_at_), size32 = static_cast<std::uint32_t>(size);
  if (keeping_ == Keeping::member && kept_ == Message::kId) {
    if (written.front() != '"' && written.find_first_of(".eE") != std::string_view::npos) {
      refuse("an id that is neither a string nor a whole number");
      message_->kept_[kept_].seen = Message::Seen::other;
      keeping_ = Keeping::nothing;
      return;
    }
  } else if (lone_surrogate || written.find('\0') != std::string_view::npos) {
    refuse("a lone surrogate or a NUL in a method or a name");
  }
  if (keeping_ == Keeping::member) {
    message_->kept_[kept_] = {at32, size32, Message::Seen::text};
  } else if (!message_->listed_.push({at32, size32, node() == Node::tasks})) {
    refuse("more subscriptions than are read");
  }
  keeping_ = Keeping::nothing;
}

// Members' names.

Want MessageReader::begin_name() noexcept {
  if (node() == Node::none) {
    return Want::nothing;
  }
  keeping_ = Keeping::name;
  name_.clear();
  return Want::decoded;
}

void MessageReader::end_name(bool lone_surrogate) {
  if (keeping_ != Keeping::name) {
    return;
  }
  keeping_ = Keeping::nothing;
  member_ = name_.member();
  if (lone_surrogate) {
    refuse("a lone surrogate in a member's name");
  }
  if (member_ != Member::other) {
    std::uint32_t &seen = seen_[depth_ - 1U];
    if ((seen & bit_of(member_)) != 0) {
      refuse("a member given twice");
    }
    seen |= bit_of(member_);
    return;
  }
  if (message_->fault_ != Fault::none) {
    return;  // nothing more is to be found out: comparing each name with all others takes time
  }
  if (name_.is_lookalike(node())) {
    refuse("a member that some parsers take for another one");
  }
  const std::uint64_t hash = name_.hash();
  if (std::find(others_.begin() + first_other_[depth_ - 1U], others_.end(), hash) != others_.end()) {
    refuse("a member given twice");
  } else if (!others_.push(hash)) {
    refuse("more members than are read");
  }
}

// The digest: for each member of params but _meta, its name and its value as written.

void MessageReader::begin_digest(std::uint64_t at) noexcept {
  if (!has_digest_) {
    digest_.begin();
    has_digest_ = true;
  }
  const std::uint64_t name = name_.hash();
  digest_.add({reinterpret_cast<const char *>(&name), sizeof(name)});
  in_digest_ = true;
  digested_ = at;
}

void MessageReader::add_to_digest(std::uint64_t end) noexcept {
  digest_.add(piece_.substr(digested_ - offset_, end - digested_));
  digested_ = end;
}

// What it all is.

void MessageReader::finish() noexcept {
  Message &message = *message_;
  if (!scanner_.is_whole()) {
    message.fault_ = Fault::not_json;
    message.problem_ = scanner_.problem() != nullptr ? scanner_.problem() : "it ends early";
    message.kept_ = {};
    message.listed_.truncate(0);
    message.has_task_ = message.is_continued_ = false;
    return;
  }
  message.method_ = method_of(message.method_text());
  if (const char *problem = find_missing(); problem != nullptr) {
    refuse(problem);
  }
  if (has_digest_) {
    message.params_digest_ = digest_.finish();
  }
  if (message.fault_ == Fault::none) {
    message.kind_ = !message.has(Message::kMethod) ? MessageKind::response
                    : message.has(Message::kId)    ? MessageKind::request
                                                   : MessageKind::notification;
  }
}

// What is wrong with the message as a whole; nullptr: nothing.
const char *MessageReader::find_missing() const noexcept {
  const Message &message = *message_;
  const auto has = [this](Member member) { return (seen_[0] & bit_of(member)) != 0; };
  const bool has_outcome = has(Member::result) || has(Member::error);
  if (has(Member::method) == has_outcome) {
    return has_outcome ? "a method beside a result or an error" : "neither a method nor a result nor an error";
  }
  if (has(Member::result) && has(Member::error)) {
    return "a result beside an error";
  }
  const Message::Kept names[] = {Message::kMethod, Message::kName, Message::kUri, Message::kTaskId};
  if (!message.has(names[static_cast<std::size_t>(name_kind(message.method()))]) && !has_outcome) {
    return "no name, uri or taskId, or one that is no string, where the method needs it";
  }
  const auto is_bad = [&](Message::Kept kept) { return message.kept_[kept].seen == Message::Seen::other; };
  if (message.method() == Method::completion_complete &&
      ((!message.has_ref_name() && !message.has_ref_uri()) || is_bad(Message::kRefName) || is_bad(Message::kRefUri))) {
    return "no ref, or one without a name or a uri";
  }
  if (message.method() == Method::subscriptions_listen && bad_lists_) {
    return "subscriptions that are no lists of strings";
  }
  return nullptr;
}

}  // namespace keyward::mcp
