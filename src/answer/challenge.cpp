// Challenges: what stands in one, and what is left out of a long one.
#include "answer/challenge.hpp"

#include <algorithm>
#include <iterator>
#include <vector>

#include "auth/scope.hpp"

namespace keyward {
namespace {

constexpr std::string_view kLongestError = "insufficient_scope";

// RFC 6750, section 3: %x20-21 / %x23-5B / %x5D-7E.
void add(const char *name, std::string_view value, std::string *text) {
  if (value.empty()) {
    return;
  }
  *text += text->empty() ? "Bearer " : ", ";
  *text += name;
  *text += "=\"";
  std::copy_if(value.begin(), value.end(), std::back_inserter(*text),
               [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; });
  *text += '"';
}

// The official MCP clients read this by regular expressions: Bearer first, no blank after '=', error_description last
// and without quotes, "scope=" or "error=" in it.
std::string write(const Challenge &challenge) {
  std::string text;
  add("realm", challenge.realm, &text);
  add("resource_metadata", challenge.resource_metadata, &text);
  add("error", challenge.error, &text);
  add("scope", challenge.scope, &text);
  const bool misread = challenge.description.find("scope=") != std::string_view::npos ||
                       challenge.description.find("error=") != std::string_view::npos;
  if (!misread) {
    add("error_description", challenge.description, &text);
  }
  return text.empty() ? "Bearer" : text;
}

}  // namespace

std::string to_text(const Challenge &challenge) {
  Challenge shorter = challenge;
  std::string text = write(shorter);
  for (std::string_view *part : {&shorter.description, &shorter.realm, &shorter.scope}) {
    if (text.size() <= kMaxChallengeFieldBytes) {
      break;
    }
    *part = {};
    text = write(shorter);
  }
  return text;
}

std::string basic_challenge(std::string_view realm) {
  constexpr std::string_view kDefault = "keyward";
  std::string text;
  add("realm", realm.size() > kMaxChallengeFieldBytes / 2 ? std::string_view() : realm, &text);
  if (text.empty()) {
    add("realm", kDefault, &text);
  }
  return "Basic " + text.substr(text.find("realm")) + ", charset=\"UTF-8\"";
}

bool fits_challenge(const Challenge &challenge) {
  Challenge whole = challenge;
  whole.error = kLongestError;
  return write(whole).size() <= kMaxChallengeFieldBytes;
}

std::string scopes_to_ask_for(std::string_view granted, std::string_view needed) {
  std::string together;
  if (granted != "*" && granted.size() <= kMaxGrantedScopeBytes) {
    std::vector<std::string_view> there;
    const auto add_once = [&](std::string_view scope) {
      if (std::find(there.begin(), there.end(), scope) == there.end()) {
        there.push_back(scope);
        together += (together.empty() ? "" : " ") + std::string(scope);
      }
    };
    for (const std::string_view scope : split_list(granted, ' ')) {
      if (scope != kOfflineAccess) {
        add_once(scope);
      }
    }
    for (const std::string_view scope : split_list(needed, ' ')) {
      add_once(scope);
    }
  }
  return together.empty() || together.size() > kMaxGrantedScopeBytes ? std::string(needed) : together;
}

}  // namespace keyward
