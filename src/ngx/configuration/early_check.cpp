// nginx's phases before access: what is answered or counted there comes too early for keyward.
#include "ngx/configuration/early_check.hpp"

#include <algorithm>
#include <set>

#include "base/variable_names.hpp"
#include "ngx/configuration/computed_variables.hpp"

namespace keyward {
namespace {

// The blocks above servers have no `return`.
bool is_server(const Reading &reading, const LocationConfiguration *block) {
  return reading.parent_of(reading.parent_of(block)) == nullptr;
}

void warn_of_return(ngx_conf_t *cf, const ReturnNote &note, bool in_server) {
  const char *what = in_server ? "answers all requests of this server" : "answers everybody there";
  // try_files is looked at after the access phase.
  const char *with_text = note.has_text
                              ? "; to answer with a text, write \"try_files /nonexistent @answer;\" and put the "
                                "\"return\" into \"location @answer { ... }\""
                              : "";
  const unsigned status = note.has_text ? 204 : note.status;
  ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                "\"return %ud\" %s %s before keyward has looked at the request; write "
                "\"try_files /nonexistent =%ud;\" in its place%s, or \"keyward off;\" where it is meant for everybody",
                note.status, note.place.c_str(), what, status, with_text);
}

// The first of our variables that a zone's key comes down to; empty: none.
std::string own_variable_of(const DirectiveWatch &watch, const ZoneNote &zone) {
  const Origins origins = origins_of(watch, variables_in(zone.key));
  const auto own = std::find_if(origins.names.begin(), origins.names.end(),
                                [](const std::string &name) { return is_own_variable(name); });
  return own == origins.names.end() ? std::string() : *own;
}

}  // namespace

void warn_of_early_answers(ngx_conf_t *cf, const Reading &reading) {
  for (const MergedLocation &one : reading.merged) {
    const BlockNote *note = reading.watch->find(one.location);
    if (note == nullptr) {
      continue;
    }
    const auto *core = static_cast<ngx_http_core_loc_conf_t *>(one.loc_conf[ngx_http_core_module.ctx_index]);
    const bool in_server = is_server(reading, one.location);
    // A server's comes before any location is chosen.
    const bool guarded = in_server ? one.location->effective : one.location->enforcement->mode != Mode::off;
    // Clients don't get there by themselves: such a location answers for another, as an error page does.
    const bool led_to =
        (core->named || core->internal == 1) && reading.blocks.at(one.location).enforcement_place.empty();
    for (const ReturnNote &answer : note->returns) {
      if (guarded && !led_to && answer.status >= NGX_HTTP_OK && answer.status < NGX_HTTP_SPECIAL_RESPONSE) {
        warn_of_return(cf, answer, in_server);
      }
    }
  }
}

void warn_of_early_counting(ngx_conf_t *cf, const Reading &reading) {
  const DirectiveWatch &watch = *reading.watch;
  std::set<const ZoneUse *> told;
  for (const MergedLocation &one : reading.merged) {
    for (std::size_t i = 0; i < kCountingModules.size() && one.location->enforcement->mode != Mode::off; ++i) {
      // A list replaces the one around it.
      const LocationConfiguration *block = one.location;
      const BlockNote *note = watch.find(block);
      while (block != nullptr && (note == nullptr || note->zone_uses[i].empty())) {
        block = reading.parent_of(block);
        note = watch.find(block);
      }
      if (note == nullptr) {
        continue;
      }
      for (const ZoneUse &use : note->zone_uses[i]) {
        const ZoneNote *zone = watch.find_zone(i, use.zone);
        const std::string own = zone == nullptr ? "" : own_variable_of(watch, *zone);
        if (own.empty() || !told.insert(&use).second) {
          continue;
        }
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "%s %s counts by \"%s\" (%s_zone %s), but $%s is empty there, as nginx counts before keyward has "
                      "decided; %s",
                      kCountingModules[i], use.place.c_str(), zone->key.c_str(), kCountingModules[i],
                      zone->place.c_str(), own.c_str(),
                      i == 0 ? "write \"keyward_limit 60r/m;\" in its place, with by=$variable for another key"
                             : "count by a variable of nginx's, such as $binary_remote_addr");
      }
    }
  }
}

}  // namespace keyward
