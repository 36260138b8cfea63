// Makes messages that are nearly right, each in a way of its own.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::fuzz {

class MessageMaker {
 public:
  explicit MessageMaker(unsigned seed) : random_(seed) { odds_ = std::vector<std::size_t>{4, 20, 80, 1000}[below(4)]; }

  // Three lines of header fields, and a body.
  std::string input() {
    std::string text = one(kVersions) + '\n' + one(kMethods) + '\n' + one(kNames) + '\n';
    switch (is_odd() ? below(5) : 5) {
      case 0:
        return text + '[' + message() + ',' + message() + ']';
      case 1:
        return text + message() + one({"", "\n", " ", ",", "\0x", "//", "\x1e"}) + message();
      case 2:
        return text + "\xef\xbb\xbf" + message();
      default:
        return text + message();
    }
  }

 private:
  using Texts = std::vector<std::string>;
  inline static const Texts kVersions = {"", "", "2025-06-18", "2026-07-28", "2026-07-28", "2026-07-29"};
  inline static const Texts kMethods = {"tools/call",          "tools/call",          "ping",
                                        "tools/list",          "prompts/get",         "resources/read",
                                        "tasks/get",           "completion/complete", "subscriptions/listen",
                                        "initialize",          "server/discover",     "made/up",
                                        "resources/subscribe", "tasks/cancel"};
  inline static const Texts kNames = {"deploy",
                                      "open",
                                      "secret",
                                      "file:///open/a",
                                      "file:///secret/a",
                                      "file:///open/../secret/a",
                                      "file:///open/%2e%2E/secret/a",
                                      "file:///open/..%2fsecret/a",
                                      "FILE:///secret/a",
                                      "file:///s%65cret/a",
                                      "file:////secret/a",
                                      "file:///open//../secret/a",
                                      "file:///open/..//secret/a",
                                      "file:///open?/../secret/a",
                                      "file:///open/a#/..//../%73ecret/a",
                                      "file:///secret//a?b",
                                      "file:///open\\\\..\\\\secret",
                                      "t1",
                                      "",
                                      "deplo\\u0079",
                                      "deploy\\u0000",
                                      "deploy\\ud800",
                                      "\\u0064eploy"};

  std::size_t below(std::size_t n) { return random_() % n; }
  // Whether this one thing is made odd.
  bool is_odd() { return below(odds_) == 0; }
  std::string one(const Texts &texts) { return texts[below(texts.size())]; }

  // A name in a spelling that some parser may take for it; mostly as it is.
  std::string spelled(std::string name) {
    if (!is_odd() || name.empty()) {
      return name;
    }
    const std::size_t at = below(name.size());
    const char c = name[at];
    switch (below(8)) {
      case 0:
      case 1: {
        static const char kDigits[] = "0123456789abcdef";
        return name.replace(at, 1, std::string("\\u00") + kDigits[c >> 4 & 15] + kDigits[c & 15]);
      }
      case 2:
        return name.replace(at, 1, 1,
                            static_cast<char>(c >= 'a' && c <= 'z'   ? c - 32
                                              : c >= 'A' && c <= 'Z' ? c + 32
                                                                     : c));
      case 3:
        for (char &letter : name) {
          letter = static_cast<char>(letter >= 'a' && letter <= 'z' ? letter - 32 : letter);
        }
        return name;
      case 4:
        return name.insert(below(name.size() + 1), one({"\\u0000", "\\u0000x", "\\u0000\\u0000"}));
      case 5: {
        const std::size_t s = name.find_first_of("sS"), k = name.find_first_of("kK");
        return s != std::string::npos && (k == std::string::npos || below(2) == 0)
                   ? name.replace(s, 1, one({"\xc5\xbf", "\\u017f"}))
               : k != std::string::npos ? name.replace(k, 1, one({"\xe2\x84\xaa", "\\u212a"}))
                                        : name;
      }
      case 6:
        return name + one({" ", "\\ud800", "\xff", "\\", "s"});
      default:
        return name.erase(at, 1);
    }
  }
  std::string name() { return '"' + spelled(one(kNames)) + '"'; }
  std::string value(std::size_t depth) {
    switch (below(depth > 3 ? 6 : 9)) {
      case 0:
        return one({"0", "-1", "1.5", "1e9", "12", "NaN"});
      case 1:
        return one({"null", "true", "false"});
      case 6:
        return object(depth + 1, {"name", "uri", "method", "params", "_meta", "x"});
      case 7:
        return '[' + name() + ',' + value(depth + 1) + ']';
      default:
        return name();
    }
  }
  std::string object(std::size_t depth, const Texts &names) {
    std::string text = "{";
    for (std::size_t i = below(5); i > 0; --i) {
      text += (text.size() > 1 ? "," : "") + member(one(names), value(depth));
    }
    return text + '}';
  }
  std::string member(const std::string &name, const std::string &value) {
    return one({"", "", "", " ", "\n"}) + '"' + spelled(name) + "\":" + value;
  }
  // Members in any order, some of them twice.
  std::string join(Texts members) {
    if (!members.empty() && is_odd()) {
      members.push_back(one(members));
    }
    std::string text = "{";
    while (!members.empty()) {
      const std::size_t which = below(members.size());
      text += (text.size() > 1 ? "," : "") + members[which];
      members.erase(members.begin() + static_cast<std::ptrdiff_t>(which));
    }
    return text + '}';
  }
  std::string strings() {
    std::string text = "[";
    for (std::size_t i = below(4); i > 0; --i) {
      text += (text.size() > 1 ? "," : "") + (is_odd() ? value(3) : name());
    }
    return text + ']';
  }
  std::string params() {
    Texts members;
    const auto maybe = [&](std::size_t odds, const char *own, const std::string &text) {
      if (below(odds) == 0) {
        members.push_back(member(own, text));
      }
    };
    maybe(1 + below(2), "name", is_odd() ? value(3) : name());
    maybe(2, "uri", is_odd() ? value(3) : name());
    maybe(3, "taskId", name());
    maybe(2, "arguments", object(1, {"name", "method", "x", "params"}));
    maybe(2, "_meta",
          join({member("io.modelcontextprotocol/protocolVersion", '"' + one(kVersions) + '"'), member("x", value(3))}));
    maybe(3, "ref",
          join({member("type", "\"ref/prompt\""), member(one({"name", "uri"}), name()), member("x", name())}));
    maybe(3, "notifications",
          join({member("resourceSubscriptions", strings()), member("taskIds", strings()),
                member("toolsListChanged", "true")}));
    maybe(8, "task", value(2));
    maybe(8, "requestState", value(2));
    maybe(odds_, "name", name());
    return is_odd() ? value(2) : join(members);
  }
  std::string message() {
    Texts members = {member("jsonrpc", "\"2.0\""), member("method", '"' + spelled(one(kMethods)) + '"')};
    const auto maybe = [&](std::size_t odds, const char *own, const std::string &text) {
      if (below(odds) != 0) {
        members.push_back(member(own, text));
      }
    };
    maybe(16, "params", params());
    maybe(8, "id", is_odd() ? value(2) : one({"1", "\"a\"", "-5"}));
    if (is_odd()) {
      members.push_back(member(one({"result", "error", "x"}), value(1)));
    }
    if (is_odd()) {
      members.push_back(member("method", '"' + one(kMethods) + '"'));
    }
    if (is_odd()) {
      members.erase(members.begin() + 1);
    }
    return join(members);
  }

  std::minstd_rand random_;
  std::size_t odds_ = 4;
};

}  // namespace keyward::fuzz
