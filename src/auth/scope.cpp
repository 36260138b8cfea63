// Sets of grants: what they cover, what follows from them, what two of them share.
#include "auth/scope.hpp"

#include <algorithm>
#include <cstring>

#include "base/text_rules.hpp"

namespace keyward {

namespace {

bool ends_in_wildcard(std::string_view grant) noexcept {
  return grant.size() > 2 && grant.substr(grant.size() - 2) == ":*";
}

bool any_covers(const std::vector<std::string> &grants, std::string_view what) noexcept {
  return std::any_of(grants.begin(), grants.end(), [what](const std::string &grant) { return covers(grant, what); });
}

void add_once(std::vector<std::string> *grants, std::string_view grant) {
  if (std::find(grants->begin(), grants->end(), grant) == grants->end()) {
    grants->emplace_back(grant);
  }
}

// Adds what follows from grants until nothing more does. Ends, as only finitely many can be added.
void close(std::vector<std::string> *grants, const Implications &implications) {
  for (bool grown = true; grown;) {
    const std::size_t before = grants->size();
    for (const Implication &implication : implications) {
      if (any_covers(*grants, implication.grant)) {
        for (const std::string &implied : implication.implied) {
          add_once(grants, implied);
        }
      }
    }
    grown = grants->size() > before;
  }
}

// Without grants that follow from earlier ones.
std::vector<std::string> without_implied(const std::vector<std::string> &grants, const Implications &implications) {
  std::vector<std::string> kept;
  std::vector<std::string> closed;
  for (const std::string &grant : grants) {
    if (!any_covers(closed, grant)) {
      kept.push_back(grant);
      closed.push_back(grant);
      close(&closed, implications);
    }
  }
  return kept;
}

}  // namespace

bool is_scope(std::string_view text) noexcept {
  return is_scope_token(text) && text.find('*') == std::string_view::npos;
}

bool is_grant(std::string_view text) noexcept {
  if (text == "*") {
    return true;
  }
  return is_scope(ends_in_wildcard(text) ? text.substr(0, text.size() - 2) : text);
}

bool covers(std::string_view grant, std::string_view what) noexcept {
  if (what.empty() || grant.empty()) {
    return false;
  }
  if (grant == what || grant == "*") {
    return true;
  }
  // "a:*" covers what begins with "a:" and goes on, "a:b:*" too.
  const std::string_view stem = grant.substr(0, grant.size() - 1);
  return ends_in_wildcard(grant) && what.size() > stem.size() && what.substr(0, stem.size()) == stem;
}

Grants::Grants(std::string_view list, const Implications &implications) {
  const std::vector<std::string_view> parts = split_list(list, ' ');
  closed_.reserve(parts.size());
  for (const std::string_view grant : parts) {
    if (is_grant(grant)) {
      add_once(&closed_, grant);
    }
  }
  written_ = closed_.size();
  text_ = any_covers(closed_, "*") ? "*" : join(closed_, ' ');
  close(&closed_, implications);
  all_ = any_covers(closed_, "*");
}

Grants Grants::all() {
  Grants grants;
  grants.all_ = true;
  grants.text_ = "*";
  grants.closed_ = {"*"};
  grants.written_ = 1;
  return grants;
}

Grants Grants::intersect(const Grants &other, const Implications &implications) const {
  if (other.all_ && (!all_ || other.text_ == "*")) {
    return *this;
  }
  if (all_) {
    return other;
  }
  // Two grants overlap only where one covers the other, and the narrower one is what they share. What two closed
  // sets share is closed itself; what was written in either comes first, so that text_ names it rather
  // than what follows from it.
  std::vector<std::string> written;
  std::vector<std::string> derived;
  for (std::size_t i = 0; i < closed_.size(); ++i) {
    for (std::size_t j = 0; j < other.closed_.size(); ++j) {
      const std::string &mine = closed_[i];
      const std::string &theirs = other.closed_[j];
      if (keyward::covers(theirs, mine)) {
        add_once(i < written_ ? &written : &derived, mine);
      } else if (keyward::covers(mine, theirs)) {
        add_once(j < other.written_ ? &written : &derived, theirs);
      }
    }
  }
  for (const std::string &grant : derived) {
    add_once(&written, grant);
  }
  const std::vector<std::string> kept = without_implied(written, implications);
  Grants shared;
  shared.text_ = join(kept, ' ');
  shared.written_ = kept.size();
  shared.closed_ = kept;
  // Not closed anew: so the result can't be wider than both, whatever implications were passed here.
  for (const std::string &grant : written) {
    add_once(&shared.closed_, grant);
  }
  return shared;
}

bool Grants::covers(std::string_view scope) const noexcept {
  for (const std::string &grant : closed_) {  // what mostly is so, and soonest told
    if (grant.size() == scope.size() && std::memcmp(grant.data(), scope.data(), scope.size()) == 0) {
      return !scope.empty();
    }
  }
  return any_covers(closed_, scope);
}

bool Grants::is_within(const Grants &other) const noexcept {
  return std::all_of(closed_.begin(), closed_.end(), [&](const std::string &grant) { return other.covers(grant); });
}

std::vector<std::string_view> split_list(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0) {
      parts.push_back(text.substr(0, end));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

std::string join(const std::vector<std::string> &parts, char separator) {
  std::string out;
  for (const std::string &part : parts) {
    if (!out.empty()) {
      out += separator;
    }
    out += part;
  }
  return out;
}

}  // namespace keyward
