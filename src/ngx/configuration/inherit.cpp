// A directive that stands in a block replaces that of the block around it as a whole.
#include "ngx/configuration/inherit.hpp"

namespace keyward {
namespace {

template <typename T>
void inherit(std::optional<T> &child, const std::optional<T> &parent) {
  if (!child) {
    child = parent;
  }
}

std::vector<AcceptRule> default_accept() {
  AcceptRule rule;
  rule.key = true;
  rule.issuers = {"token"};
  return {rule};
}

}  // namespace

void inherit_server(const ServerConfiguration &parent, ServerConfiguration *child) {
  if (!child->identity_prefix) {
    child->identity_prefix = parent.identity_prefix;
    child->signer = parent.signer;
  }
  inherit(child->upgrades, parent.upgrades);
  if (!child->identity_prefix) {
    child->identity_prefix = "X-Keyward";
  }
  if (!child->upgrades) {
    child->upgrades.emplace();
  }
}

void inherit_location(const LocationConfiguration &parent, LocationConfiguration *child) {
  inherit(child->enforcement, parent.enforcement);
  inherit(child->sources, parent.sources);
  inherit(child->accept, parent.accept);
  inherit(child->scopes, parent.scopes);
  inherit(child->requirements, parent.requirements);
  inherit(child->limits, parent.limits);
  inherit(child->costs, parent.costs);
  inherit(child->concurrency, parent.concurrency);
  inherit(child->limit_headers, parent.limit_headers);
  inherit(child->errors, parent.errors);
  inherit(child->realm, parent.realm);
  inherit(child->authorization_servers, parent.authorization_servers);
  if (!child->resource) {
    child->resource = parent.resource;
  }
  inherit(child->forward_credential, parent.forward_credential);
  inherit(child->max_credential, parent.max_credential);
  // Where nothing about them is written, those of the block around it are shared.
  child->mcp_terms = child->mcp || child->rpc_rules ? nullptr : parent.mcp_terms;
  inherit(child->mcp, parent.mcp);
  inherit(child->rpc_rules, parent.rpc_rules);
  // Those who have no messages of their own have one table.
  child->answers = child->messages ? nullptr : parent.answers;
  inherit(child->messages, parent.messages);
  child->has_query = parent.has_query;
  if (!child->enforcement) {
    child->enforcement = Enforcement();
  }
  if (!child->sources) {
    child->sources = std::vector<Source>{{SourceKind::bearer, "authorization"}, {SourceKind::header, "x-api-key"}};
  }
  if (!child->accept) {
    child->accept = default_accept();
  }
  if (!child->errors) {
    child->errors = ErrorRule();
  }
  if (!child->max_credential) {
    child->max_credential = kMaxCredentialBytes;
  }
}

}  // namespace keyward
