// What the setters of directives share: words in, a sentence about what is wrong out.
#pragma once

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/words.hpp"
#include "ngx/configuration/configuration.hpp"

namespace keyward {

using Names = std::vector<std::string_view>;

// --- tables of words -------------------------------------------------------------------------------------------

// A parameter NAME=VALUE, as it is given.
struct Given {
  ngx_conf_t *cf;
  std::string_view word, value;
};

// A parameter that a directive knows, and how it is read into Rule.
template <typename Rule>
struct Parameter {
  std::string_view name;
  Wrong (*set)(const Given &given, Rule *rule);
};

template <typename Rule, std::size_t Count>
Names names_of(const Parameter<Rule> (&known)[Count]) {
  Names names;
  for (const Parameter<Rule> &one : known) {
    names.push_back(one.name);
  }
  return names;
}

// Reads a word that gives one of these. false: it gives none of them.
template <typename Rule, std::size_t Count>
bool read_parameter(const Parameter<Rule> (&known)[Count], ngx_conf_t *cf, std::string_view word, Rule *rule,
                    Wrong *wrong) {
  for (const Parameter<Rule> &one : known) {
    if (const auto value = option(word, one.name)) {
      *wrong = one.set({cf, word, *value}, rule);
      return true;
    }
  }
  return false;
}

// A word that stands for a value.
template <typename Value>
struct Choice {
  std::string_view word;
  Value value;
};

// nullptr: it is none of these.
template <typename Value, std::size_t Count>
const Value *choose(const Choice<Value> (&choices)[Count], std::string_view word) {
  const auto *known = std::find_if(std::begin(choices), std::end(choices),
                                   [&](const Choice<Value> &choice) { return choice.word == word; });
  return known == std::end(choices) ? nullptr : &known->value;
}

// Whether a word, or a parameter that the directive takes once, is there twice: the last of two would count, and the
// first one look as if it did.
Wrong check_once(const Words &words, const Names &parameters = {});

// --- single words ----------------------------------------------------------------------------------------------

Wrong parse_methods(std::string_view list, Methods *methods);
// nginx's bit of one method; NGX_HTTP_UNKNOWN: it has none.
ngx_uint_t method_bit(std::string_view name) noexcept;
Wrong parse_size(std::string_view word, std::size_t *bytes);
// Whether all of a list with commas are methods that parse_methods() knows.
bool are_methods(std::string_view list);
// A text with variables, which lies in the cycle's pool.
Wrong compile_value(ngx_conf_t *cf, std::string_view word, ngx_http_complex_value_t **value);
// Origins, separated by commas, as browsers write them; added to the list.
Wrong parse_origins(std::string_view list, std::vector<std::string> *origins);
// A path as nginx has it: absolute, or relative to its configuration.
std::string full_path(ngx_conf_t *cf, std::string_view word);

// --- lists of rules --------------------------------------------------------------------------------------------

// A list that begins with its first directive here, or is "none". *done: there is nothing more to read.
template <typename Rule, std::size_t Count>
Wrong begin_rule(const Parameter<Rule> (&known)[Count], const Words &words, const char *none,
                 std::optional<std::vector<Rule>> *rules, bool *done) {
  if (Wrong wrong = check_once(words, names_of(known))) {
    return wrong;
  }
  const bool first = !*rules;
  if (first) {
    rules->emplace();
  }
  *done = words[1] == "none";
  if (*done) {
    return words.size() == 2 && first ? kGood : Wrong("\"none\" must stand alone");
  }
  return !first && (*rules)->empty() ? Wrong("can't follow \"" + std::string(none) + "\"; remove one of them") : kGood;
}

// Its words from the i-th on: parameters, and others for add(word), which answers what is wrong with one.
template <typename Rule, std::size_t Count, typename Add>
Wrong read_rule(const Parameter<Rule> (&known)[Count], ngx_conf_t *cf, const Words &words, std::size_t i, Rule *rule,
                Add &&add) {
  Wrong wrong;
  for (; i < words.size() && !wrong; ++i) {
    if (!read_parameter(known, cf, words[i], rule, &wrong)) {
      wrong = add(words[i]);
    }
  }
  return wrong;
}

// --- from nginx to a setter, and back --------------------------------------------------------------------------

Words words_of(const ngx_conf_t *cf);

// Notes where a directive stands, before it is read.
void note_touch(ngx_conf_t *cf, std::string_view directive, LocationConfiguration *conf);
void note_touch(ngx_conf_t *cf, std::string_view directive, ServerConfiguration *conf);
void note_touch(ngx_conf_t *cf, std::string_view directive, MainConfiguration *conf);

// One way from nginx to every setter: words out, exceptions caught, mistakes logged with the directive's name.
template <typename Conf, Wrong (*Set)(ngx_conf_t *, const Words &, Conf *)>
char *directive(ngx_conf_t *cf, ngx_command_t *command, void *conf) noexcept {
  return guarded(static_cast<char *>(NGX_CONF_ERROR), [&]() -> char * {
    main_configuration(cf)->configured = true;
    auto *own = static_cast<Conf *>(conf);
    note_touch(cf, view(command->name), own);
    if (const Wrong wrong = Set(cf, words_of(cf), own)) {
      ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" directive: %s", &command->name, wrong->c_str());
      return static_cast<char *>(NGX_CONF_ERROR);
    }
    return NGX_CONF_OK;
  });
}

// --- the setters -----------------------------------------------------------------------------------------------

// Where credentials come from (credential_directives.cpp), and which are accepted (accept_directives.cpp).
Wrong set_credential(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf);
Wrong set_max_credential(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf);
Wrong set_accept(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf);
Wrong set_forward_credential(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf);

// What is demanded of a request (rule_directives.cpp).
Wrong set_scope(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf);
Wrong set_limit(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf);
Wrong set_concurrency(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf);  // concurrency_directive.cpp
Wrong set_cost(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf);         // cost_directive.cpp
Wrong set_limit_headers(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf);

// What else has to hold, and claims as variables (require_directives.cpp).
Wrong set_require(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf);
Wrong set_claim(ngx_conf_t *cf, const Words &words, MainConfiguration *conf);

// MCP (message_directives.cpp).
Wrong set_mcp(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf);
Wrong set_rpc(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf);
Wrong set_tool(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf);

// What a refusal says (refusal_directives.cpp).
Wrong set_errors(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf);
Wrong set_message(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf);
Wrong set_realm(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf);

// What is protected, and who says so to clients (resource_directives.cpp).
Wrong set_resource(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf);
Wrong set_authorization_server(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf);
Wrong set_metadata(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf);

// Handlers (handler_directives.cpp).
Wrong set_identity_keys(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf);
Wrong set_api(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf);
Wrong set_verify(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf);

// Of http and server (http_directives.cpp).
Wrong set_identity(ngx_conf_t *cf, const Words &words, ServerConfiguration *conf);
Wrong set_upgrade(ngx_conf_t *cf, const Words &words, ServerConfiguration *conf);
Wrong set_store(ngx_conf_t *cf, const Words &words, MainConfiguration *conf);
Wrong set_zone(ngx_conf_t *cf, const Words &words, MainConfiguration *conf);
Wrong set_key_format(ngx_conf_t *cf, const Words &words, MainConfiguration *conf);
Wrong set_plan(ngx_conf_t *cf, const Words &words, MainConfiguration *conf);
Wrong set_scope_implies(ngx_conf_t *cf, const Words &words, MainConfiguration *conf);
Wrong set_bcrypt_concurrency(ngx_conf_t *cf, const Words &words, MainConfiguration *conf);

// keyward_issuer NAME { ... } (issuer_directives.cpp).
char *set_issuer(ngx_conf_t *cf, ngx_command_t *command, void *conf) noexcept;

}  // namespace keyward
