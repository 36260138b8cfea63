// Scopes: two lists of grants, what is asked for, and implications ("grant: implied implied"), one a line. What covers
// it is told apart from what is tried, and what two sets share covers what both do, and no more.
#include "auth/scope.hpp"

#include <string>
#include <string_view>

#include "base/text_rules.hpp"
#include "fuzz.hpp"
#include "lines.hpp"

using namespace keyward;

namespace {

// Exact, "posts:*", or "*".
bool grants(std::string_view grant, std::string_view scope) {
  if (grant == "*") {
    return true;
  }
  if (grant.size() > 2 && grant.substr(grant.size() - 2) == ":*") {
    grant.remove_suffix(1);
    return scope.size() > grant.size() && scope.substr(0, grant.size()) == grant;
  }
  return grant == scope;
}

bool list_grants(std::string_view list, std::string_view scope) {
  for (const std::string_view grant : split_list(list, ' ')) {
    if (is_grant(grant) && grants(grant, scope)) {
      return true;
    }
  }
  return false;
}

Implications take_implications(std::string_view text) {
  Implications implications;
  while (!text.empty() && implications.size() < 8) {
    const std::string_view line = fuzz::take_line(&text);
    const std::size_t end = line.find(' ');
    Implication implication;
    implication.grant = line.substr(0, end);
    if (!is_grant(implication.grant)) {
      continue;
    }
    for (const std::string_view implied : split_list(end == std::string_view::npos ? "" : line.substr(end), ' ')) {
      if (is_grant(implied)) {
        implication.implied.emplace_back(implied);
      }
    }
    implications.push_back(implication);
  }
  return implications;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  std::string_view text = fuzz::text_of(data, size);
  const std::string_view mine = fuzz::take_line(&text);
  const std::string_view theirs = fuzz::take_line(&text);
  const std::string_view scope = fuzz::take_line(&text);
  fuzz::must(!is_scope(scope) || (is_scope_token(scope) && is_grant(scope)));
  if (mine.size() > 500 || theirs.size() > 500 || !is_scope(scope)) {
    return 0;  // what two lists share takes the product of their lengths
  }
  const Grants a(mine, {}), b(theirs, {});
  fuzz::must(a.covers(scope) == list_grants(mine, scope) && b.covers(scope) == list_grants(theirs, scope));
  fuzz::must(a.intersect(b, {}).covers(scope) == (a.covers(scope) && b.covers(scope)));
  fuzz::must(Grants(a.text(), {}).covers(scope) == a.covers(scope));

  const Implications implications = take_implications(text);
  const Grants wide_a(mine, implications), wide_b(theirs, implications);
  fuzz::must(wide_a.covers(scope) || !a.covers(scope));
  const Grants shared = wide_a.intersect(wide_b, implications), turned = wide_b.intersect(wide_a, implications);
  fuzz::must(shared.covers(scope) == (wide_a.covers(scope) && wide_b.covers(scope)));
  fuzz::must(shared.covers(scope) == turned.covers(scope));
  // What is told of it, read again, is the same.
  fuzz::must(Grants(shared.text(), implications).covers(scope) == shared.covers(scope));
  return 0;
}
