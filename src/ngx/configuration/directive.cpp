// Reading the words of directives.
#include "ngx/configuration/directive.hpp"

#include "auth/origin.hpp"
#include "auth/scope.hpp"
#include "ngx/configuration/reading.hpp"

namespace keyward {
namespace {

constexpr Choice<Methods> kMethods[] = {
    {"GET", NGX_HTTP_GET | NGX_HTTP_HEAD},  // HEAD is a GET without a body
    {"HEAD", NGX_HTTP_HEAD},
    {"POST", NGX_HTTP_POST},
    {"PUT", NGX_HTTP_PUT},
    {"PATCH", NGX_HTTP_PATCH},
    {"DELETE", NGX_HTTP_DELETE},
    {"OPTIONS", NGX_HTTP_OPTIONS},
    {"MKCOL", NGX_HTTP_MKCOL},
    {"COPY", NGX_HTTP_COPY},
    {"MOVE", NGX_HTTP_MOVE},
    {"PROPFIND", NGX_HTTP_PROPFIND},
    {"PROPPATCH", NGX_HTTP_PROPPATCH},
    {"LOCK", NGX_HTTP_LOCK},
    {"UNLOCK", NGX_HTTP_UNLOCK},
};

}  // namespace

ngx_uint_t method_bit(std::string_view name) noexcept {
  if (name == "GET") {
    return NGX_HTTP_GET;  // HEAD is none
  }
  const Methods *known = choose(kMethods, name);
  return known == nullptr ? NGX_HTTP_UNKNOWN : *known;
}

bool are_methods(std::string_view list) {
  std::vector<std::string_view> names;
  return !split_elements(list, &names) && !names.empty() &&
         std::all_of(names.begin(), names.end(),
                     [](std::string_view name) { return choose(kMethods, name) != nullptr; });
}

Wrong parse_methods(std::string_view list, Methods *methods) {
  std::vector<std::string_view> names;
  if (Wrong wrong = split_elements(list, &names)) {
    return wrong;
  }
  for (const std::string_view name : names) {
    const Methods *known = choose(kMethods, name);
    if (known == nullptr) {
      return "unknown method " + quoted(name) + "; write names that nginx knows in capitals, such as methods=GET,POST";
    }
    *methods |= *known;
  }
  return *methods == 0 ? Wrong("\"methods=\" names no method; write methods=GET,POST") : kGood;
}

Wrong parse_size(std::string_view word, std::size_t *bytes) {
  ngx_str_t text = borrow(word);
  const off_t size = ngx_parse_offset(&text);
  if (size == NGX_ERROR || size <= 0) {
    return "invalid size " + quoted(word) + "; write a number with k, m or g, such as 16m";
  }
  *bytes = static_cast<std::size_t>(size);
  return kGood;
}

Wrong parse_origins(std::string_view list, std::vector<std::string> *origins) {
  std::vector<std::string_view> written;
  if (Wrong wrong = split_elements(list, &written)) {
    return wrong;
  }
  for (const std::string_view origin : written) {
    if (!is_origin(origin)) {
      return quoted(origin) +
             " is not an origin as browsers write it; write its scheme, host and, if it isn't the usual one, port, in "
             "small letters and without a path, such as origins=https://app.example.com";
    }
    if (std::find(origins->begin(), origins->end(), origin) != origins->end()) {
      return quoted(origin) + " is there twice in \"origins=\"";
    }
    origins->emplace_back(origin);
  }
  return origins->empty() ? Wrong(
                                "\"origins=\" needs origins, separated by commas, such as "
                                "origins=https://app.example.com")
                          : kGood;
}

std::string full_path(ngx_conf_t *cf, std::string_view word) {
  ngx_str_t path = copy(cf->pool, word);
  if (path.data == nullptr || ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
    throw std::bad_alloc();
  }
  return std::string(view(path));
}

Words words_of(const ngx_conf_t *cf) {
  Words words;
  const auto *args = static_cast<ngx_str_t *>(cf->args->elts);
  for (ngx_uint_t i = 0; i < cf->args->nelts; ++i) {
    words.push_back(view(args[i]));
  }
  return words;
}

void note_touch(ngx_conf_t *cf, std::string_view directive, LocationConfiguration *conf) {
  Reading &reading = reading_of(cf);
  ReadBlock &block = reading.block(conf);
  if (block.first_place.empty()) {
    block.first_place = place_of(cf);
    block.first_directive = directive;
    reading.touched.push_back(conf);
  } else if (block.first_directive == "keyward") {
    block.first_directive = directive;
  }
}
void note_touch(ngx_conf_t *cf, std::string_view, ServerConfiguration *conf) {
  // At http level it only says how servers are named that are guarded anyway.
  conf->guarded = conf->guarded || (cf->cmd_type & NGX_HTTP_SRV_CONF) != 0;
}
void note_touch(ngx_conf_t *, std::string_view, MainConfiguration *) {}

Wrong check_once(const Words &words, const Names &parameters) {
  for (std::size_t i = 2; i < words.size(); ++i) {
    const auto earlier_end = words.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::find(words.begin() + 1, earlier_end, words[i]) != earlier_end) {
      return quoted(words[i]) + " is there twice";
    }
    for (const std::string_view name : parameters) {
      const auto is_one = [&](std::string_view word) { return option(word, name).has_value(); };
      if (is_one(words[i]) && std::any_of(words.begin() + 1, earlier_end, is_one)) {
        return quoted(words[i]) + " is a second \"" + std::string(name) + "=\"; write only one";
      }
    }
  }
  return kGood;
}

Wrong compile_value(ngx_conf_t *cf, std::string_view word, ngx_http_complex_value_t **value) {
  *value = static_cast<ngx_http_complex_value_t *>(ngx_pcalloc(cf->pool, sizeof(ngx_http_complex_value_t)));
  ngx_str_t copied = copy(cf->pool, word);
  if (*value == nullptr || copied.data == nullptr) {
    throw std::bad_alloc();
  }
  ngx_http_compile_complex_value_t compile = {};
  compile.cf = cf;
  compile.value = &copied;
  compile.complex_value = *value;
  return ngx_http_compile_complex_value(&compile) == NGX_OK ? kGood : Wrong("has a bad variable in " + quoted(word));
}

}  // namespace keyward
