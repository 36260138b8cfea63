// What must hold of a message and its judgement, against what lenient servers would execute: whatever any of them takes
// for a protected call is refused, or judged as that call; never public, never another tool. An input is three lines of
// header fields (MCP-Protocol-Version, Mcp-Method, Mcp-Name; empty: absent), then a body.
#pragma once

#include <algorithm>
#include <cctype>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz.hpp"
#include "json/json.hpp"
#include "lines.hpp"
#include "mcp/fields.hpp"
#include "mcp/reader.hpp"
#include "mcp/rules.hpp"
#include "mcp_oracle.hpp"

namespace keyward::fuzz {

namespace mcp_check {

// Places in the list of rules.
enum : std::size_t { kDeploy, kSecretPrompt, kSecretFile, kTask, kRuleCount };

inline const mcp::RuleList &rules() {
  static const mcp::RuleList list = [] {
    std::vector<mcp::Rule> all;
    const auto add = [&](std::string_view text, bool is_protected) {
      mcp::Rule &rule = all.emplace_back();
      must(!parse_rule(text, &rule));
      rule.is_public = !is_protected;
      if (is_protected) {
        rule.scopes.emplace_back("s");
      }
    };
    add("tools/call:deploy", true);
    add("prompts/get:secret", true);
    add("resources/read:file:///secret/*", true);
    add("tasks/get:t1", true);
    must(all.size() == kRuleCount);
    for (const char *open : {"tools/call:*", "prompts/get:*", "resources/read:*", "tasks/get:*", "tools/list", "ping",
                             "completion/*", "subscriptions/*", "made/up"}) {
      add(open, false);
    }
    return mcp::RuleList(std::move(all), {"initialize"});
  }();
  return list;
}

inline std::unique_ptr<mcp::Message> read(std::string_view body, std::size_t size) {
  auto message = std::make_unique<mcp::Message>();
  mcp::MessageReader reader(message.get(), true);
  bool good = true;
  for (std::size_t at = 0; good && at < body.size(); at += size) {
    const std::string_view piece = body.substr(at, size);
    if (size == 1) {
      good = reader.read(piece);
    } else {  // a copy, so that AddressSanitizer sees what is read beyond it
      const std::vector<char> copy(piece.begin(), piece.end());
      good = reader.read({copy.data(), copy.size()});
    }
  }
  reader.finish();
  return message;
}

inline void must_be_same(const mcp::Message &a, const mcp::Message &b) {
  must(a.fault() == b.fault() && a.kind() == b.kind() && a.id() == b.id() && a.method_text() == b.method_text() &&
       a.name() == b.name() && a.version() == b.version() && a.ref_name() == b.ref_name() &&
       a.ref_uri() == b.ref_uri() && a.listed_count() == b.listed_count() && a.has_task() == b.has_task() &&
       a.is_continued() == b.is_continued() && a.params_digest() == b.params_digest());
  for (std::size_t i = 0; i < a.listed_count(); ++i) {
    must(a.listed(i) == b.listed(i) && a.is_listed_task(i) == b.is_listed_task(i));
  }
}

// A server that decodes all of a URI, ignores the scheme's case, merges slashes, and takes dots for folders, also behind
// '?' and '#'.
inline bool is_secret_file(std::string uri) {
  std::string plain;
  for (std::size_t at = 0; at < uri.size(); ++at) {
    if (uri[at] == '%' && uri.size() - at > 2 && std::isxdigit(static_cast<unsigned char>(uri[at + 1])) != 0 &&
        std::isxdigit(static_cast<unsigned char>(uri[at + 2])) != 0) {
      plain += static_cast<char>(std::stoi(uri.substr(at + 1, 2), nullptr, 16));
      at += 2;
    } else {
      plain += uri[at] == '\\' ? '/' : uri[at];
    }
  }
  const std::string scheme = "file:///";
  if (folded(plain.substr(0, scheme.size())) != scheme) {
    return false;
  }
  std::vector<std::string> folders;
  for (std::size_t at = scheme.size(), end = 0; at <= plain.size(); at = end + 1) {
    end = std::min(plain.find('/', at), plain.size());
    const std::string folder = plain.substr(at, end - at);
    if (folder == "..") {
      folders.resize(folders.size() - (folders.empty() ? 0 : 1));
    } else if (folder != "." && !folder.empty()) {
      folders.push_back(folder);
    }
  }
  return folders.size() > 1 && folders[0] == "secret";
}

// The rule that protects what a server does; kRuleCount: none.
inline std::size_t rule_of(const std::string &method, const std::string &name) {
  return method == "tools/call" && name == "deploy"           ? std::size_t{kDeploy}
         : method == "prompts/get" && name == "secret"        ? std::size_t{kSecretPrompt}
         : method == "resources/read" && is_secret_file(name) ? std::size_t{kSecretFile}
         : method == "tasks/get" && name == "t1"              ? std::size_t{kTask}
                                                              : std::size_t{kRuleCount};
}

inline void must_be_judged_as(const Executed &done, const mcp::Message &message, const mcp::Judgement &judgement) {
  must(message.kind() != mcp::MessageKind::response && done.method == message.method_text());
  must(done.version == message.version());
  std::vector<std::pair<std::string, std::string>> touched;
  switch (name_kind(message.method())) {
    case mcp::NameKind::none:
      break;
    case mcp::NameKind::name:
      touched.emplace_back(done.method, done.name);
      break;
    case mcp::NameKind::uri:
      touched.emplace_back(done.method, done.uri);
      break;
    case mcp::NameKind::task:
      touched.emplace_back(done.method, done.task);
      break;
  }
  must(touched.empty() || touched[0].second == message.name());
  if (message.method() == mcp::Method::completion_complete) {
    touched.emplace_back("prompts/get", done.ref_name);
    touched.emplace_back("resources/read", done.ref_uri);
  }
  if (message.method() == mcp::Method::subscriptions_listen) {
    for (const std::string &uri : done.listed_uris) {
      touched.emplace_back("resources/read", uri);
    }
    for (const std::string &task : done.listed_tasks) {
      touched.emplace_back("tasks/get", task);
    }
  }
  for (const auto &[method, name] : touched) {
    const std::size_t rule = rule_of(method, name);
    if (rule != kRuleCount) {
      must(!judgement.is_public && (judgement.verdict != mcp::RuleVerdict::fine || judgement.matching.has(rule)));
    }
  }
}

inline void look_at_fields(const mcp::Message &message, std::string_view version, std::string_view method,
                           std::string_view name) {
  mcp::Fields fields;
  fields.version = {version, version.empty() ? 0U : 1U};
  fields.method = {method, method.empty() ? 0U : 1U};
  fields.name = {name, name.empty() ? 0U : 1U};
  const mcp::Call call = make_call(message, fields);
  must(call.fault != mcp::Fault::none || message.fault() == mcp::Fault::none);
  if (call.fault == mcp::Fault::none && call.kind == mcp::MessageKind::request) {
    const bool is_modern = std::max(version, message.version()) >= "2026-07-28";
    must(call.era == (is_modern ? mcp::Era::modern : mcp::Era::legacy));
    must(!is_modern || (version == message.version() && method == message.method_text()));
    must(method.empty() || method == message.method_text());
    must(name.empty() || message.name().empty() || name == message.name() || name.substr(0, 2) == "=?");
    must(name.empty() || name_kind(message.method()) != mcp::NameKind::none || message.method() == mcp::Method::other);
  }
  if (call.fault == mcp::Fault::none && call.kind == mcp::MessageKind::response) {
    must(method.empty() && name.empty() && call.era == mcp::Era::legacy);
  }
}

}  // namespace mcp_check

// Of one input. Answers whether the message is one.
inline bool check_mcp(std::string_view body) {
  using namespace mcp_check;
  const std::string_view version = take_line(&body), method = take_line(&body), name = take_line(&body);
  const auto message = read(body, body.size() + 1);
  must_be_same(*message, *read(body, 1));
  must_be_same(*message, *read(body, 2 + body.size() % 13));
  look_at_fields(*message, version, method, name);

  json::Limits limits;
  limits.depth = 128;
  json::Value value;
  std::string error;
  must(!json::parse(body, limits, &value, &error) || message->fault() != mcp::Fault::not_json);
  if (message->fault() != mcp::Fault::none) {
    must(message->kind() == mcp::MessageKind::unreadable && message->problem() != nullptr);
    must(!rules().judge(*message).is_public);
    return false;
  }

  const mcp::Judgement judgement = rules().judge(*message);
  const std::vector<Tree> trees = LenientParser(body).all();
  for (const bool first : {false, true}) {
    for (const bool folds : {false, true}) {
      for (const auto nul : {Taste::Nul::is_one, Taste::Nul::removed, Taste::Nul::ends}) {
        const std::vector<Executed> all = execute_all(trees, {first, folds, nul});
        must(all.size() == (message->kind() == mcp::MessageKind::response ? 0U : 1U));
        for (const Executed &done : all) {
          must_be_judged_as(done, *message, judgement);
        }
      }
    }
  }
  return true;
}

}  // namespace keyward::fuzz
