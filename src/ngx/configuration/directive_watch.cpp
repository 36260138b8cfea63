// Wrapping the setters of other modules' directives, and what is noted of each directive.
#include "ngx/configuration/directive_watch.hpp"

#include <unistd.h>

#include <algorithm>

#include "base/nginx_text.hpp"
#include "base/variable_names.hpp"
#include "ngx/configuration/directive.hpp"
#include "ngx/configuration/reading.hpp"

namespace keyward {
namespace {

using Setter = char *(*)(ngx_conf_t *cf, ngx_command_t *command, void *conf);

// A directive that was just read. Its words are copies: nginx reads a block's content into the same place.
struct Seen {
  ngx_conf_t *cf;
  std::vector<std::string> words;
  std::string place;
  std::optional<std::string> content;  // of a block; nothing where it can't be had
  std::size_t which;                   // in kCachingModules or kCountingModules
};

BlockNote &block_of(DirectiveWatch *watch, const Seen &seen) { return watch->blocks[location_configuration(seen.cf)]; }

CacheNote &cache_of(DirectiveWatch *watch, const Seen &seen) { return block_of(watch, seen).caches[seen.which]; }

void note_return(DirectiveWatch *watch, const Seen &seen) {
  if ((seen.cf->cmd_type & (NGX_HTTP_SIF_CONF | NGX_HTTP_LIF_CONF)) != 0) {
    return;
  }
  const std::string &code = seen.words[1];
  const ngx_int_t status = ngx_atoi(borrow(code).data, code.size());
  block_of(watch, seen)
      .returns.push_back({status == NGX_ERROR ? 0 : static_cast<unsigned>(status), seen.words.size() > 2, seen.place});
}

void note_assigned(DirectiveWatch *watch, const Seen &seen) {
  for (std::string &name : variables_in(seen.words[1])) {
    watch->assigned.insert(std::move(name));
  }
}

void note_pass(DirectiveWatch *watch, const Seen &seen) { block_of(watch, seen).passes_to = seen.which; }

void note_cache(DirectiveWatch *watch, const Seen &seen) { cache_of(watch, seen).on = seen.words[1] != "off"; }

void note_cache_key(DirectiveWatch *watch, const Seen &seen) { cache_of(watch, seen).key = seen.words[1]; }

void add_words(std::optional<std::vector<std::string>> *list, const Seen &seen) {
  if (!*list) {
    list->emplace();
  }
  (*list)->insert((*list)->end(), seen.words.begin() + 1, seen.words.end());
}

void note_no_cache(DirectiveWatch *watch, const Seen &seen) { add_words(&cache_of(watch, seen).no_cache, seen); }

void note_bypass(DirectiveWatch *watch, const Seen &seen) { add_words(&cache_of(watch, seen).bypass, seen); }

// zone=NAME or zone=NAME:SIZE.
std::string zone_name(const Seen &seen) {
  for (const std::string &word : seen.words) {
    if (const auto zone = option(word, "zone")) {
      return std::string(zone->substr(0, zone->find(':')));
    }
  }
  return {};
}

void note_zone(DirectiveWatch *watch, const Seen &seen) {
  watch->zones[seen.which][zone_name(seen)] = {seen.words[1], seen.place};
}

void note_zone_use(DirectiveWatch *watch, const Seen &seen) {
  const std::string zone = zone_name(seen);
  block_of(watch, seen).zone_uses[seen.which].push_back({zone.empty() ? seen.words[1] : zone, seen.place});
}

void add_computed(DirectiveWatch *watch, const std::string &variable, ComputedVariable one) {
  const std::vector<std::string> names = variables_in(variable);
  if (names.size() == 1) {
    one.name = names.front();
    watch->computed.push_back(std::move(one));
  }
}

// map SOURCE $variable { ... }
void note_map(DirectiveWatch *watch, const Seen &seen) {
  ComputedVariable one;
  one.reads = variables_in(seen.words[1]);
  const auto add_line = [&one](const Words &words, std::size_t, bool) -> Wrong {
    one.reads_more = one.reads_more || words[0] == "include";
    for (std::string &name : variables_in(words.size() > 1 ? words[1] : "")) {
      // $1 and its like are what the source matched.
      if (name.find_first_not_of("0123456789") != std::string::npos) {
        one.reads.push_back(std::move(name));
      }
    }
    return kGood;
  };
  std::string error;
  one.reads_more = !seen.content || !read_nginx(*seen.content, {add_line, nullptr}, &error) || one.reads_more;
  add_computed(watch, seen.words[2], std::move(one));
}

// geo [$address] $variable { ... }, whose values are what they say.
void note_geo(DirectiveWatch *watch, const Seen &seen) {
  ComputedVariable one;
  one.reads = seen.words.size() > 2 ? variables_in(seen.words[1]) : std::vector<std::string>{"remote_addr"};
  add_computed(watch, seen.words.back(), std::move(one));
}

// split_clients SOURCE $variable { ... }, the same.
void note_split(DirectiveWatch *watch, const Seen &seen) {
  ComputedVariable one;
  one.reads = variables_in(seen.words[1]);
  add_computed(watch, seen.words[2], std::move(one));
}

// One directive of one module.
struct Watched {
  std::string module, name;
  std::size_t which;
  void (*note)(DirectiveWatch *watch, const Seen &seen);
  ngx_command_t *command = nullptr;
  Setter original = nullptr;  // nullptr: nothing of ours stands before it
};

std::vector<Watched> watched_directives() {
  std::vector<Watched> all = {
      {"ngx_http_rewrite_module", "return", 0, note_return},
      {"ngx_http_rewrite_module", "set", 0, note_assigned},
      {"ngx_http_auth_request_module", "auth_request_set", 0, note_assigned},
      {"ngx_http_map_module", "map", 0, note_map},
      {"ngx_http_geo_module", "geo", 0, note_geo},
      {"ngx_http_split_clients_module", "split_clients", 0, note_split},
  };
  for (std::size_t i = 0; i < kCachingModules.size(); ++i) {
    const std::string module = kCachingModules[i].module, prefix = kCachingModules[i].prefix;
    all.push_back({module, prefix + "_pass", i, note_pass});
    all.push_back({module, prefix + "_cache", i, note_cache});
    all.push_back({module, prefix + "_cache_key", i, note_cache_key});
    all.push_back({module, prefix + "_no_cache", i, note_no_cache});
    all.push_back({module, prefix + "_cache_bypass", i, note_bypass});
  }
  for (std::size_t i = 0; i < kCountingModules.size(); ++i) {
    const std::string name = kCountingModules[i], module = "ngx_http_" + name + "_module";
    all.push_back({module, name + "_zone", i, note_zone});
    all.push_back({module, name, i, note_zone_use});
  }
  return all;
}

// One for the process, as nginx's tables of directives are. Whom another module has put between nginx and us
// meanwhile may call us after we stood back: so what was there is kept.
std::vector<Watched> &table() {
  static std::vector<Watched> all = watched_directives();
  return all;
}

Watched *find_watched(const ngx_command_t *command) noexcept {
  for (Watched &one : table()) {
    if (one.command == command && one.original != nullptr) {
      return &one;
    }
  }
  return nullptr;
}

// Where nginx is in the file that it reads; -1 where there is none.
off_t position_in(const ngx_conf_t *cf) noexcept {
  if (cf->conf_file == nullptr || cf->conf_file->file.fd == NGX_INVALID_FILE || cf->conf_file->buffer == nullptr) {
    return -1;
  }
  return cf->conf_file->file.offset - (cf->conf_file->buffer->last - cf->conf_file->buffer->pos);
}

std::optional<std::string> read_file_part(const ngx_conf_t *cf, off_t begin, off_t end) {
  if (begin < 0 || end < begin) {
    return std::nullopt;
  }
  std::string text(static_cast<std::size_t>(end - begin), '\0');
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t n =
        pread(cf->conf_file->file.fd, text.data() + done, text.size() - done, begin + static_cast<off_t>(done));
    if (n <= 0) {
      return std::nullopt;
    }
    done += static_cast<std::size_t>(n);
  }
  return text;
}

// What nginx calls in the place of a watched setter. Whatever happens to the note, the setter is called, and its
// answer is nginx's.
char *on_directive(ngx_conf_t *cf, ngx_command_t *command, void *conf) noexcept {
  const Watched *watched = find_watched(command);
  if (watched == nullptr) {
    return const_cast<char *>("can't be read: keyward does not know it (a fault of keyward: report it)");
  }
  Reading *reading = main_configuration(cf)->reading.get();
  if (reading == nullptr || !reading->watch) {
    return watched->original(cf, command, conf);
  }
  DirectiveWatch *watch = &*reading->watch;
  Seen seen = {cf, {}, {}, {}, watched->which};
  bool noted = guarded(false, [&] {
    for (const std::string_view word : words_of(cf)) {
      seen.words.emplace_back(word);
    }
    seen.place = place_of(cf);
    return true;
  });
  const off_t begin = position_in(cf);
  char *answer = watched->original(cf, command, conf);
  if (answer == NGX_CONF_OK) {
    noted = noted && guarded(false, [&] {
              if ((command->type & NGX_CONF_BLOCK) != 0) {
                seen.content = read_file_part(cf, begin, position_in(cf) - 1);  // without its "}"
              }
              watched->note(watch, seen);
              return true;
            });
    watch->failed = watch->failed || !noted;
  }
  return answer;
}

ngx_command_t *find_command(const ngx_conf_t *cf, const Watched &watched) noexcept {
  for (ngx_uint_t i = 0; cf->cycle->modules[i] != nullptr; ++i) {
    const ngx_module_t *module = cf->cycle->modules[i];
    if (module->type != NGX_HTTP_MODULE || module->name != watched.module) {
      continue;
    }
    for (ngx_command_t *command = module->commands; command != nullptr && command->name.len != 0; ++command) {
      if (view(command->name) == watched.name) {
        return command;
      }
    }
  }
  return nullptr;
}

}  // namespace

DirectiveWatch::DirectiveWatch(ngx_conf_t *cf) {
  for (Watched &one : table()) {
    ngx_command_t *command = find_command(cf, one);
    // Another module that does the same may have kept us in its chain: then we are called as it is.
    const bool in_place = command != nullptr && command == one.command && one.original != nullptr;
    one.command = command;
    if (command != nullptr && !in_place) {
      one.original = command->set;
      command->set = on_directive;
    }
  }
}

DirectiveWatch::~DirectiveWatch() {
  for (Watched &one : table()) {
    if (one.command != nullptr && one.original != nullptr && one.command->set == on_directive) {
      one.command->set = one.original;
      one.original = nullptr;
    }
  }
}

const BlockNote *DirectiveWatch::find(const LocationConfiguration *block) const {
  const auto found = blocks.find(block);
  return found == blocks.end() ? nullptr : &found->second;
}

const ZoneNote *DirectiveWatch::find_zone(std::size_t counting_module, const std::string &zone) const {
  const auto found = zones[counting_module].find(zone);
  return found == zones[counting_module].end() ? nullptr : &found->second;
}

const ComputedVariable *DirectiveWatch::find_computed(const std::string &name) const {
  const auto found =
      std::find_if(computed.rbegin(), computed.rend(), [&](const ComputedVariable &one) { return one.name == name; });
  return found == computed.rend() ? nullptr : &*found;
}

}  // namespace keyward
