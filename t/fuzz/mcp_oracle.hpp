// What some JSON-RPC server would execute: a lenient parser of its own, independent of src, and ways of taking what it
// finds. Simple on purpose: it takes more than any single server does.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keyward::fuzz {

struct Tree {
  enum class Type { other, string, array, object } type = Type::other;
  std::string text;
  std::vector<Tree> items;
  std::vector<std::pair<std::string, Tree>> members;
};

// Takes comments, commas too many, single quotes, control characters, unknown escapes, NaN, white space of all kinds, a
// byte order mark, invalid UTF-8, lone surrogates, and whatever stands where a number or a word may.
class LenientParser {
 public:
  explicit LenientParser(std::string_view text) : text_(text) {}

  // All values that stand in the text one behind the other, up to where nothing more can be made of it.
  std::vector<Tree> all() {
    std::vector<Tree> trees;
    if (text_.substr(0, 3) == "\xef\xbb\xbf") {
      at_ = 3;
    }
    for (Tree tree; skip() && value(&tree, 0); tree = Tree()) {
      trees.push_back(std::move(tree));
    }
    return trees;
  }

 private:
  static constexpr std::size_t kDepth = 300;

  bool more() const { return at_ < text_.size(); }
  char peek() const { return text_[at_]; }
  bool take(char c) {
    const bool here = more() && peek() == c;
    at_ += here ? 1 : 0;
    return here;
  }
  // White space, commas and comments. false: nothing follows.
  bool skip() {
    for (; more(); ++at_) {
      if (text_.substr(at_, 2) == "//" || peek() == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size() - 1);
      } else if (text_.substr(at_, 2) == "/*") {
        at_ = std::min(text_.find("*/", at_ + 2), text_.size() - 2) + 1;
      } else if (std::string_view(" \t\r\n\f\v,\0", 8).find(peek()) == std::string_view::npos) {
        return true;
      }
    }
    return false;
  }
  bool value(Tree *tree, std::size_t depth) {
    if (depth > kDepth || !more()) {
      return false;
    }
    if (peek() == '"' || peek() == '\'') {
      tree->type = Tree::Type::string;
      tree->text = string();
      return true;
    }
    if (take('[')) {
      tree->type = Tree::Type::array;
      while (skip() && !take(']')) {
        if (!value(&tree->items.emplace_back(), depth + 1)) {
          return false;
        }
      }
      return true;
    }
    if (take('{')) {
      tree->type = Tree::Type::object;
      while (skip() && !take('}')) {
        Tree name;
        if (!value(&name, depth + 1)) {
          return false;
        }
        skip();
        take(':');
        skip();
        if (!value(&tree->members.emplace_back(name.text, Tree()).second, depth + 1)) {
          return false;
        }
      }
      return true;
    }
    const std::size_t from = at_;
    while (more() && std::string_view("{}[]:,\"' \t\r\n").find(peek()) == std::string_view::npos) {
      ++at_;
    }
    tree->text = text_.substr(from, at_ - from);
    return at_ > from;
  }
  std::string string() {
    const char quote = text_[at_++];
    std::string out;
    while (more() && peek() != quote) {
      if (!take('\\')) {
        out += text_[at_++];
      } else if (more()) {
        escape(&out);
      }
    }
    take(quote);
    return out;
  }
  void escape(std::string *out) {
    const char c = text_[at_++];
    if (c != 'u') {
      const std::size_t which = std::string_view("bfnrt").find(c);
      out->push_back(which == std::string_view::npos ? c : "\b\f\n\r\t"[which]);
      return;
    }
    std::uint32_t code = unit();
    if (code >= 0xd800 && code < 0xdc00 && text_.substr(at_, 2) == "\\u") {
      const std::size_t before = at_;
      at_ += 2;
      const std::uint32_t low = unit();
      if (low >= 0xdc00 && low < 0xe000) {
        code = 0x10000 + ((code - 0xd800) << 10 | (low - 0xdc00));
      } else {
        at_ = before;
      }
    }
    utf8(code, out);
  }
  std::uint32_t unit() {
    std::uint32_t code = 0;
    for (int i = 0; i < 4 && more(); ++i) {
      const std::size_t digit = std::string_view("0123456789abcdefABCDEF").find(peek());
      if (digit == std::string_view::npos) {
        break;
      }
      code = code * 16 + static_cast<std::uint32_t>(digit < 16 ? digit : digit - 6);
      ++at_;
    }
    return code;
  }
  static void utf8(std::uint32_t code, std::string *out) {
    const auto push = [out](std::uint32_t byte) { out->push_back(static_cast<char>(byte)); };
    if (code < 0x80) {
      push(code);
    } else if (code < 0x800) {
      push(0xc0 | code >> 6), push(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
      push(0xe0 | code >> 12), push(0x80 | (code >> 6 & 0x3f)), push(0x80 | (code & 0x3f));
    } else {
      push(0xf0 | code >> 18), push(0x80 | (code >> 12 & 0x3f)), push(0x80 | (code >> 6 & 0x3f)),
          push(0x80 | (code & 0x3f));
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// How a server takes members and texts.
struct Taste {
  bool first = false;  // of members given twice; else the last: Python's, JavaScript's and Go's way
  bool folds = false;  // names by Unicode's simple folding, as Go does
  enum class Nul { is_one, removed, ends } nul = Nul::is_one;
};

inline std::string cleaned(std::string text, const Taste &taste) {
  if (taste.nul == Taste::Nul::ends) {
    text.resize(std::min(text.find('\0'), text.size()));
  } else if (taste.nul == Taste::Nul::removed) {
    for (std::size_t at = 0; (at = text.find('\0', at)) != std::string::npos;) {
      text.erase(at, 1);
    }
  }
  return text;
}

inline std::string folded(std::string text) {
  for (const auto &[sequence, letter] :
       {std::pair<std::string, const char *>{"\xc5\xbf", "s"}, {"\xe2\x84\xaa", "k"}}) {
    for (std::size_t at = 0; (at = text.find(sequence, at)) != std::string::npos;) {
      text.replace(at, sequence.size(), letter);
    }
  }
  for (char &c : text) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  }
  return text;
}

inline const Tree *member(const Tree *object, const std::string &name, const Taste &taste) {
  const Tree *found = nullptr;
  if (object != nullptr && object->type == Tree::Type::object) {
    for (const auto &[own, value] : object->members) {
      const std::string clean = cleaned(own, taste);
      if ((taste.folds ? folded(clean) == folded(name) : clean == name) && (found == nullptr || !taste.first)) {
        found = &value;
      }
    }
  }
  return found;
}

inline std::string text_of(const Tree *tree, const Taste &taste) {
  return tree != nullptr && tree->type == Tree::Type::string ? cleaned(tree->text, taste) : std::string();
}

// What a server does for a message.
struct Executed {
  std::string method, name, uri, task, version, ref_name, ref_uri;
  std::vector<std::string> listed_uris, listed_tasks;
};

inline void execute(const Tree &message, const Taste &taste, std::vector<Executed> *all) {
  const Tree *method = member(&message, "method", taste);
  if (method == nullptr || method->type != Tree::Type::string) {
    return;
  }
  const Tree *params = member(&message, "params", taste);
  const Tree *ref = member(params, "ref", taste);
  const Tree *notifications = member(params, "notifications", taste);
  Executed done;
  done.method = text_of(method, taste);
  done.name = text_of(member(params, "name", taste), taste);
  done.uri = text_of(member(params, "uri", taste), taste);
  done.task = text_of(member(params, "taskId", taste), taste);
  done.version =
      text_of(member(member(params, "_meta", taste), "io.modelcontextprotocol/protocolVersion", taste), taste);
  done.ref_name = text_of(member(ref, "name", taste), taste);
  done.ref_uri = text_of(member(ref, "uri", taste), taste);
  const auto list = [&](const char *name, std::vector<std::string> *out) {
    if (const Tree *items = member(notifications, name, taste); items != nullptr) {
      for (const Tree &item : items->items) {
        out->push_back(text_of(&item, taste));
      }
    }
  };
  list("resourceSubscriptions", &done.listed_uris);
  list("taskIds", &done.listed_tasks);
  all->push_back(std::move(done));
}

// Batches are executed, and whatever stands behind the first value.
inline std::vector<Executed> execute_all(const std::vector<Tree> &trees, const Taste &taste) {
  std::vector<Executed> all;
  for (const Tree &tree : trees) {
    if (tree.type == Tree::Type::array) {
      for (const Tree &item : tree.items) {
        execute(item, taste, &all);
      }
    } else {
      execute(tree, taste, &all);
    }
  }
  return all;
}

}  // namespace keyward::fuzz
