// Nothing is written here: edits are ranges of what came.
#include "mcp/list_scan.hpp"

#include <algorithm>

#include "json/stream_scan.hpp"

namespace keyward::mcp {

using json::Kind;
using json::Want;

namespace {

// What is longer is none that is looked for, or can't be called.
constexpr std::size_t kMaxWord = 64, kMaxText = 8192;

// Bits of ListScan::seen_.
constexpr std::uint32_t kId = 1, kResult = 2, kScope = 4, kFirstList = 8;

struct ListMember {
  std::string_view list, name;
};
// In the order of ListScan::List.
constexpr std::array<ListMember, 4> kLists = {
    {{"tools", "name"}, {"prompts", "name"}, {"resources", "uri"}, {"resourceTemplates", "uriTemplate"}}};

}  // namespace

ListScan::Node ListScan::node() const noexcept {
  return depth_ > 0 && depth_ <= nodes_.size() ? nodes_[depth_ - 1] : Node::none;
}

bool ListScan::read(std::string_view piece) { return scanner_.scan(piece, *this); }

// A member that is looked at. false: it came before, and readers may take either.
bool ListScan::once(std::uint32_t bit) noexcept {
  const bool first = (seen_ & bit) == 0;
  seen_ |= bit;
  is_bad_ = is_bad_ || !first;
  return first;
}

Want ListScan::keep(Keeping what, std::string *where) noexcept {
  keeping_ = what;
  kept_ = where;
  kept_->clear();
  return what == Keeping::id ? Want::raw : Want::decoded;
}

Want ListScan::begin(Kind kind, std::uint64_t at) {
  Node inside = Node::none;
  Want want = Want::nothing;
  switch (node()) {
    case Node::none:
      if (depth_ == 0) {
        inside = kind == Kind::object ? Node::message : Node::none;
        is_bad_ = kind != Kind::object;  // a batch, say
      }
      break;
    case Node::message:
      want = begin_in_message(kind, at, &inside);
      break;
    case Node::result:
      want = begin_in_result(kind, at, &inside);
      break;
    case Node::list:
      inside = kind == Kind::object ? Node::entry : Node::none;
      entry_is_bad_ = entry_has_name_ = false;
      entries_.push_back({at, at, false});
      break;
    case Node::entry:
      want = begin_in_entry(kind);
      break;
  }
  if (kind == Kind::object || kind == Kind::array) {
    if (++depth_ <= nodes_.size()) {
      nodes_[depth_ - 1] = inside;
    }
  }
  return want;
}

Want ListScan::begin_in_message(Kind kind, std::uint64_t at, Node *inside) {
  if (name_ == "id" && once(kId) && (kind == Kind::string || kind == Kind::number)) {
    return keep(Keeping::id, &id_);
  }
  if (name_ == "result" && once(kResult) && kind == Kind::object) {
    result_at_ = at;
    *inside = Node::result;
  }
  return Want::nothing;
}

Want ListScan::begin_in_result(Kind kind, std::uint64_t at, Node *inside) {
  for (std::size_t i = 0; i < kLists.size(); ++i) {
    if (name_ == kLists[i].list && once(kFirstList << i)) {
      has_list_ = true;
      is_bad_ = is_bad_ || kind != Kind::array;
      list_ = static_cast<List>(i);
      entries_.clear();
      *inside = kind == Kind::array ? Node::list : Node::none;
    }
  }
  if (name_ == "cacheScope" && once(kScope)) {
    scope_edit_.from = at;
    if (kind == Kind::string) {
      return keep(Keeping::scope, &scope_);
    }
    is_bad_ = is_bad_ || kind == Kind::object || kind == Kind::array;
  }
  return Want::nothing;
}

Want ListScan::begin_in_entry(Kind kind) noexcept {
  if (name_ != kLists[static_cast<std::size_t>(list_)].name) {
    return Want::nothing;
  }
  entry_is_bad_ = entry_is_bad_ || entry_has_name_ || kind != Kind::string;
  entry_has_name_ = true;
  return entry_is_bad_ ? Want::nothing : keep(Keeping::entry_name, &entry_name_);
}

void ListScan::end(Kind kind, bool lone_surrogate, std::uint64_t end) {
  if (kind == Kind::object || kind == Kind::array) {
    const Node left = node();
    --depth_;
    if (left == Node::list) {
      end_list();
    }
  } else if (node() == Node::result && name_ == "cacheScope") {
    scope_edit_.to = end;
  } else if (keeping_ == Keeping::entry_name) {
    entry_is_bad_ = entry_is_bad_ || lone_surrogate || entry_name_.find('\0') != std::string::npos;
  }
  keeping_ = Keeping::nothing;
  if (node() == Node::list) {
    entries_.back().to = end;
    entries_.back().stays = stays();
  }
}

Want ListScan::begin_name() noexcept { return node() == Node::none ? Want::nothing : keep(Keeping::name, &name_); }

void ListScan::end_name(bool /*lone_surrogate*/) { keeping_ = Keeping::nothing; }

void ListScan::text(std::string_view piece) {
  if (keeping_ == Keeping::nothing) {
    return;
  }
  const bool is_word = keeping_ == Keeping::name || keeping_ == Keeping::scope;
  if (kept_->size() + piece.size() <= (is_word ? kMaxWord : kMaxText)) {
    *kept_ += piece;
    return;
  }
  kept_->assign(is_word ? "?" : "");
  entry_is_bad_ = entry_is_bad_ || keeping_ == Keeping::entry_name;
  keeping_ = Keeping::nothing;
}

// Whether whoever reads the list sees the entry that has just ended.
bool ListScan::stays() const {
  const RuleList &rules = *reader_->rules;
  const Grants &grants = *reader_->grants;
  if (!entry_has_name_ || entry_is_bad_) {
    return rules.satisfies_all(grants);
  }
  if (list_ == List::templates) {
    return rules.could_read(std::string_view(entry_name_).substr(0, entry_name_.find('{')), grants);
  }
  const Method method = list_ == List::tools     ? Method::tools_call
                        : list_ == List::prompts ? Method::prompts_get
                                                 : Method::resources_read;
  const Judgement judgement = rules.judge(method, entry_name_);
  return judgement.verdict == RuleVerdict::fine && rules.covers(judgement.matching, grants);
}

// Takes runs of entries out, together with one comma each.
void ListScan::end_list() {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].stays) {
      continue;
    }
    const std::size_t first = i;
    while (i + 1 < entries_.size() && !entries_[i + 1].stays) {
      ++i;
    }
    const bool is_last = i + 1 == entries_.size();
    if (first > 0) {
      edits_.push_back({entries_[first - 1].to, entries_[i].to, {}});
    } else {
      edits_.push_back({entries_[first].from, is_last ? entries_[i].to : entries_[i + 1].from, {}});
    }
  }
}

ListVerdict ListScan::finish(std::vector<Edit> *edits) {
  if (!scanner_.is_whole() || is_bad_) {
    return judge_unread_list(*reader_);
  }
  if (has_list_ && reader_->era == Era::modern && scope_ != "private") {
    if ((seen_ & kScope) != 0) {
      edits_.push_back({scope_edit_.from, scope_edit_.to, "\"private\""});
    } else {
      edits_.push_back({result_at_ + 1, result_at_ + 1, "\"cacheScope\":\"private\","});
    }
  }
  std::sort(edits_.begin(), edits_.end(), [](const Edit &a, const Edit &b) { return a.from < b.from; });
  *edits = std::move(edits_);
  return edits->empty() ? ListVerdict::unchanged : ListVerdict::changed;
}

}  // namespace keyward::mcp
