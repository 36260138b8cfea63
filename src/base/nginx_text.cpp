// A reader of nginx's syntax (ngx_conf_read_token(), ngx_parse_time()).
#include "base/nginx_text.hpp"

#include <limits>

namespace keyward {

bool parse_nginx_time(std::string_view text, std::int64_t *seconds) noexcept {
  struct Unit {
    char name;
    std::int64_t seconds;
  };
  constexpr Unit kUnits[] = {{'y', 31536000}, {'M', 2592000}, {'w', 604800}, {'d', 86400},
                             {'h', 3600},     {'m', 60},      {'s', 1}};
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  std::size_t next_unit = 0, i = 0;
  std::int64_t total = 0;
  bool any = false;
  while (i < text.size()) {
    std::int64_t number = 0;
    const std::size_t begin = i;
    for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) {
      number = number * 10 + (text[i] - '0');
      if (number > kMost) {
        return false;
      }
    }
    if (i == begin) {
      return false;
    }
    std::int64_t unit_s = 1;
    if (i < text.size() && text[i] != ' ') {
      while (next_unit < std::size(kUnits) && kUnits[next_unit].name != text[i]) {
        ++next_unit;
      }
      if (next_unit == std::size(kUnits)) {
        return false;
      }
      unit_s = kUnits[next_unit++].seconds;
      ++i;
    } else {
      next_unit = std::size(kUnits);  // a bare number is seconds, and the last
    }
    if (number > kMost / unit_s || total > kMost - number * unit_s) {
      return false;
    }
    total += number * unit_s;
    any = true;
    while (i < text.size() && text[i] == ' ') {
      ++i;
    }
  }
  *seconds = total;
  return any;
}

namespace {

bool is_blank(char c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

class Reader {
 public:
  Reader(std::string_view text, const NginxVisitor &visitor, std::string *error)
      : text_(text), visitor_(visitor), error_(error) {}

  bool run() {
    while (skip_blanks()) {
      if (!statement()) {
        return false;
      }
    }
    return depth_ == 0 || fail("the file ends inside of a block");
  }

 private:
  bool fail(const std::string &what) {
    *error_ = "line " + std::to_string(line_) + ": " + what;
    return false;
  }
  bool told(const Wrong &wrong) { return !wrong || fail(*wrong); }

  // false at the end.
  bool skip_blanks() {
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == '#') {
        while (at_ < text_.size() && text_[at_] != '\n') {
          ++at_;
        }
        if (at_ == text_.size()) {
          return false;
        }
      }
      if (!is_blank(text_[at_])) {
        return true;
      }
      line_ += text_[at_] == '\n' ? 1U : 0U;
    }
    return false;
  }

  bool statement() {
    std::vector<std::string> words;
    const std::size_t line = line_;
    for (;;) {
      if (!skip_blanks()) {
        return fail("the file ends inside of a directive");
      }
      const char c = text_[at_];
      if (c == '}') {
        ++at_;
        if (!words.empty() || depth_ == 0) {
          return fail("unexpected \"}\"");
        }
        --depth_;
        return told(visitor_.close(line_));
      }
      if (c == ';' || c == '{') {
        ++at_;
        if (words.empty()) {
          return fail(std::string("unexpected \"") + c + '"');
        }
        const Words views(words.begin(), words.end());
        if (c == '{' && is_foreign(words[0])) {
          return skip_foreign();
        }
        depth_ += c == '{' ? 1U : 0U;
        return told(visitor_.visit(views, line, c == '{'));
      }
      std::string word;
      if (!(c == '"' || c == '\'' ? quoted_word(&word) : plain_word(&word))) {
        return false;
      }
      words.push_back(std::move(word));
    }
  }

  void take_escape(std::string *word) {
    const char next = text_[at_ + 1];
    switch (next) {
      case 't':
        *word += '\t';
        break;
      case 'r':
        *word += '\r';
        break;
      case 'n':
        *word += '\n';
        break;
      case '"':
      case '\'':
      case '\\':
        *word += next;
        break;
      default:
        *word += '\\';
        *word += next;
    }
    line_ += next == '\n' ? 1U : 0U;
    at_ += 2;
  }

  bool quoted_word(std::string *word) {
    const char quote = text_[at_++];
    while (at_ < text_.size()) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
        take_escape(word);
        continue;
      }
      if (text_[at_] == quote) {
        ++at_;
        const bool ended =
            at_ == text_.size() || is_blank(text_[at_]) || text_[at_] == ';' || text_[at_] == '{' || text_[at_] == ')';
        return ended || fail("a blank or a \";\" is missing after the closing quote");
      }
      line_ += text_[at_] == '\n' ? 1U : 0U;
      *word += text_[at_++];
    }
    return fail("the file ends inside of quotes");
  }

  bool plain_word(std::string *word) {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\\' && at_ + 1 < text_.size()) {
        take_escape(word);
        continue;
      }
      const bool opens_variable = c == '{' && !word->empty() && word->back() == '$';
      if (is_blank(c) || c == ';' || (c == '{' && !opens_variable)) {
        return true;
      }
      *word += c;
      ++at_;
    }
    return fail("the file ends inside of a directive");
  }

  static bool is_foreign(std::string_view name) noexcept {
    constexpr std::string_view kSuffix = "_by_lua_block";
    return name.size() > kSuffix.size() && name.substr(name.size() - kSuffix.size()) == kSuffix;
  }
  bool skip_foreign() {
    for (std::size_t depth = 1; at_ < text_.size(); ++at_) {
      line_ += text_[at_] == '\n' ? 1U : 0U;
      depth += text_[at_] == '{' ? 1U : 0U;
      if (text_[at_] == '}' && --depth == 0) {
        ++at_;
        return true;
      }
    }
    return fail("the file ends inside of a block");
  }

  std::string_view text_;
  const NginxVisitor &visitor_;
  std::string *error_;
  std::size_t at_ = 0, line_ = 1, depth_ = 0;
};

}  // namespace

bool read_nginx(std::string_view text, const NginxVisitor &visitor, std::string *error) {
  return Reader(text, visitor, error).run();
}

}  // namespace keyward
