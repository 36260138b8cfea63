// Cutting an argument out of a query by its bytes, and giving it back.
#include "ngx/request/query_credential.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "auth/credential_text.hpp"
#include "ngx/request/read_variables.hpp"
#include "ngx/request/request_start.hpp"

namespace keyward {
namespace {

bool is_same(const ngx_str_t &a, const ngx_str_t &b) noexcept { return a.data == b.data && a.len == b.len; }

// A list of arguments that is being written.
struct Arguments {
  ngx_str_t text = {};
  bool empty = true;

  bool reserve(ngx_pool_t *pool, std::size_t bytes) noexcept {
    text.data = static_cast<u_char *>(ngx_pnalloc(pool, bytes + 1));
    return text.data != nullptr;
  }
  void add(std::string_view argument) noexcept {
    if (!empty) {
      text.data[text.len++] = '&';
    }
    empty = false;
    ngx_memcpy(text.data + text.len, argument.data(), argument.size());
    text.len += argument.size();
  }
};

struct QuerySplit {
  bool found = false;
  std::size_t count = 0;   // how many have a value
  std::string_view value;  // the first's, as it was sent
  ngx_str_t ours = {}, rest = {};
};

// false when memory was refused. Allocates only where there is such an argument.
bool split_query(ngx_pool_t *pool, std::string_view args, std::string_view name, QuerySplit *split) noexcept {
  for_each_argument(args, [&](std::string_view argument) {
    const std::string_view value = argument_value(argument, name);
    split->found = split->found || value.data() != nullptr;
    if (!value.empty() && split->count++ == 0) {
      split->value = value;
    }
  });
  if (!split->found) {
    return true;
  }
  Arguments ours, rest;
  if (!ours.reserve(pool, args.size()) || !rest.reserve(pool, args.size())) {
    return false;
  }
  for_each_argument(args, [&](std::string_view argument) {
    (argument_value(argument, name).data() != nullptr ? ours : rest).add(argument);
  });
  split->ours = ours.text;
  split->rest = rest.text;
  return true;
}

// One text in place of a part of another; false when memory was refused.
bool splice(ngx_pool_t *pool, ngx_str_t *text, std::size_t at, std::size_t length, std::string_view with) noexcept {
  const std::string_view old = view(*text);
  auto *data = static_cast<u_char *>(ngx_pnalloc(pool, old.size() - length + with.size() + 1));
  if (data == nullptr) {
    return false;
  }
  u_char *end = data;
  for (const std::string_view part : {old.substr(0, at), with, old.substr(at + length)}) {
    end = std::copy(part.begin(), part.end(), end);
  }
  *end = '\0';
  *text = {static_cast<std::size_t>(end - data), data};
  return true;
}

// One text in place of a part of the URI as it was sent, and of the request line, which holds that URI. One that
// doesn't (nobody knows how) loses its query, so that no log has it.
bool splice_uri(ngx_http_request_t *r, std::size_t mark, std::size_t length, std::string_view with) noexcept {
  const std::string_view old = view(r->unparsed_uri);
  ngx_str_t uri = r->unparsed_uri;
  if (!splice(r->pool, &uri, mark, length, with)) {
    return false;
  }
  const std::size_t at = view(r->request_line).find(old);
  if (at == std::string_view::npos) {
    r->request_line.len = std::min(view(r->request_line).find('?'), r->request_line.len);
  } else if (!splice(r->pool, &r->request_line, at, old.size(), view(uri))) {
    return false;
  }
  r->unparsed_uri = uri;
  return true;
}

// Puts other arguments behind the URI's '?', which is at mark; without any, the '?' goes, too.
bool replace_uri_args(ngx_http_request_t *r, std::size_t mark, std::size_t length, std::string_view args) noexcept {
  return args.empty() ? splice_uri(r, mark, length + 1, {}) : splice_uri(r, mark + 1, length, args);
}

// Gives the request other arguments, in its URI as it was sent and in its request line too.
bool replace_query(ngx_http_request_t *r, const ngx_str_t &rest) noexcept {
  const std::string_view args = view(r->args);
  const std::string_view uri = view(r->unparsed_uri);
  const std::size_t mark = uri.find('?');
  const bool whole = mark != std::string_view::npos && uri.substr(mark + 1, args.size()) == args;
  if (!whole) {
    const std::size_t end = std::min(mark, uri.size());
    r->valid_unparsed_uri = 0;
    if (!splice_uri(r, end, uri.size() - end, {})) {
      return false;
    }
  } else if (!replace_uri_args(r, mark, args.size(), view(rest))) {
    return false;
  }
  r->args = rest;
  return true;
}

// nginx keeps what it reads of these, and its log reads what was kept.
void forget_query_variables(ngx_http_request_t *r) noexcept {
  forget_variables(r, main_configuration(r).query_variables);
}

// Of a request line that nginx could not take apart, $request is the bytes as they came: without what may be a query.
void cut_unread_request_line(ngx_http_request_t *r) noexcept {
  if (r->request_line.data == nullptr && r->request_start != nullptr && r->header_in != nullptr) {
    const u_char *end =
        std::find_if(r->request_start, r->header_in->last, [](u_char c) { return c == '\r' || c == '\n'; });
    r->request_line = {static_cast<std::size_t>(end - r->request_start), r->request_start};
  }
  r->request_line.len = std::min(view(r->request_line).find('?'), r->request_line.len);
}

// Takes every argument out that is a credential in some server: which one a request was meant for that nginx refused
// while it read the header may not be known. false when memory was refused.
bool erase_query_credentials(ngx_http_request_t *r) noexcept {
  if (r->unparsed_uri.len == 0 || view(r->request_line).find(view(r->unparsed_uri)) == std::string_view::npos) {
    cut_unread_request_line(r);
  }
  for (const std::string &name : main_configuration(r).query_names) {
    QuerySplit args, sent;
    if (!split_query(r->pool, view(r->args), name, &args)) {
      return false;
    }
    if (args.found) {
      r->args = args.rest;
    }
    const std::string_view uri = view(r->unparsed_uri);
    const std::size_t mark = uri.find('?');
    if (mark == std::string_view::npos) {
      continue;
    }
    const std::string_view behind = uri.substr(mark + 1);
    if (!split_query(r->pool, behind, name, &sent) ||
        (sent.found && !replace_uri_args(r, mark, behind.size(), view(sent.rest)))) {
      return false;
    }
  }
  forget_query_variables(r);
  return true;
}

ngx_int_t on_log(ngx_http_request_t *r) noexcept {
  const bool hidden =
      ensure_started(r) && hide_query_credential(r) && (has_come_to_post_read(r) || erase_query_credentials(r));
  if (!hidden) {
    // No memory: rather nothing than a secret.
    r->args = r->unparsed_uri = r->request_line = borrow("");
    forget_query_variables(r);
  }
  return NGX_OK;
}

// Variables that hold the query. Of a request that never comes to post-read, as nginx refuses it while it reads its
// header, they may be read all the same, by an error_page, its location, or add_header: the first reading cuts the
// credential, as post-read would have.
constexpr std::string_view kQueryVariables[] = {"request_uri", "request", "args", "query_string", "is_args", "arg_"};
std::array<ngx_http_get_variable_pt, std::size(kQueryVariables)> own_handlers;

template <std::size_t N>
ngx_int_t get_cut(ngx_http_request_t *r, ngx_http_variable_value_t *value, uintptr_t data) noexcept {
  return ensure_started(r) ? own_handlers[N](r, value, data) : NGX_ERROR;
}

template <std::size_t... N>
void take_variable(ngx_http_variable_t *variable, std::string_view name, std::index_sequence<N...>) noexcept {
  const auto take = [&](std::size_t i, ngx_http_get_variable_pt cut) {
    if (name == kQueryVariables[i] && variable->get_handler != cut) {
      own_handlers[i] = variable->get_handler;
      variable->get_handler = cut;
    }
  };
  (take(N, get_cut<N>), ...);
}

void take_query_variables(ngx_http_core_main_conf_t *core) noexcept {
  constexpr auto kAll = std::make_index_sequence<std::size(kQueryVariables)>();
  const auto *keys = static_cast<ngx_hash_key_t *>(core->variables_keys->keys.elts);
  for (ngx_uint_t i = 0; i < core->variables_keys->keys.nelts; ++i) {
    take_variable(static_cast<ngx_http_variable_t *>(keys[i].value), view(keys[i].key), kAll);
  }
  auto *prefixes = static_cast<ngx_http_variable_t *>(core->prefix_variables.elts);
  for (ngx_uint_t i = 0; i < core->prefix_variables.nelts; ++i) {
    take_variable(&prefixes[i], view(prefixes[i].name), kAll);
  }
}

}  // namespace

bool cut_query_credential(ngx_http_request_t *r) noexcept {
  if (r->unparsed_uri.len == 0 && server_location(r).has_query) {
    cut_unread_request_line(r);
  }
  if (r->args.len == 0) {
    return true;
  }
  for (const Source &source : *server_location(r).sources) {
    QuerySplit split;
    if (source.kind != SourceKind::query) {
      continue;
    }
    if (!split_query(r->pool, view(r->args), source.name, &split)) {
      return false;
    }
    if (!split.found) {
      continue;
    }
    RequestContext *ctx = obtain_context(r);
    ngx_str_t value = split.value.empty() ? borrow("") : copy(r->pool, split.value);
    if (ctx == nullptr || value.data == nullptr) {
      return false;
    }
    u_char *from = value.data, *to = value.data;
    ngx_unescape_uri(&to, &from, value.len, 0);
    value.len = static_cast<std::size_t>(to - value.data);
    QueryCredential &query = ctx->query;
    query.name = source.name;
    query.value = value;
    query.twice = split.count > 1;
    query.arguments = split.ours;
    query.sent_args = r->args;
    query.sent_uri = r->unparsed_uri;
    if (!replace_query(r, split.rest)) {
      return false;
    }
    query.cut_args = r->args;
    query.cut_uri = r->unparsed_uri;
    forget_query_variables(r);  // from 1.31.5 on, client_body_early_read looks at variables before this phase
  }
  return true;
}

bool restore_query_credential(ngx_http_request_t *r) noexcept {
  RequestContext *ctx = find_context(r);
  // What a location that admitted the request has taken stays gone, as a field does.
  if (ctx == nullptr || ctx->query.name.empty() || ctx->query.taken) {
    return true;
  }
  QueryCredential &query = ctx->query;
  query.given_back = true;
  r->unparsed_uri = query.sent_uri;
  forget_query_variables(r);
  if (is_same(r->args, query.cut_args) || is_same(r->args, query.sent_args)) {
    r->args = query.sent_args;
    return true;
  }
  // A rewrite or a redirect has made other arguments, which may have it in them already.
  QuerySplit split;
  if (!split_query(r->pool, view(r->args), query.name, &split)) {
    return false;
  }
  return split.found || ((r->args.len == 0 || splice(r->pool, &r->args, r->args.len, 0, "&")) &&
                         splice(r->pool, &r->args, r->args.len, 0, view(query.arguments)));
}

bool hide_query_credential(ngx_http_request_t *r) noexcept {
  RequestContext *ctx = find_context(r);
  if (ctx == nullptr || !ctx->query.given_back) {
    return true;
  }
  const QueryCredential &query = ctx->query;
  r->unparsed_uri = query.cut_uri;
  forget_query_variables(r);
  if (is_same(r->args, query.sent_args) || is_same(r->args, query.cut_args)) {
    r->args = query.cut_args;
    return true;
  }
  QuerySplit split;
  if (!split_query(r->pool, view(r->args), query.name, &split)) {
    return false;
  }
  if (split.found) {
    r->args = split.rest;
  }
  return true;
}

bool keep_query_from_logs(ngx_conf_t *cf) noexcept {
  auto *core = static_cast<ngx_http_core_main_conf_t *>(ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
  ngx_array_t *handlers = &core->phases[NGX_HTTP_LOG_PHASE].handlers;
  if (ngx_array_push(handlers) == nullptr) {
    return false;
  }
  // Log handlers are called in their order in this list: ours comes first.
  auto *first = static_cast<ngx_http_handler_pt *>(handlers->elts);
  std::copy_backward(first, first + handlers->nelts - 1, first + handlers->nelts);
  *first = on_log;
  take_query_variables(core);
  return true;
}

}  // namespace keyward
