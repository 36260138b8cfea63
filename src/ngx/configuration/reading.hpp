// What is only needed while nginx reads a configuration: notes of the setters, for what can be judged once all is read.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ngx/configuration/configuration.hpp"
#include "ngx/configuration/directive_watch.hpp"
#include "ngx/configuration/key_loading.hpp"
#include "ngx/nginx/ngx.hpp"

namespace keyward {

// Where a directive stands, for messages that come once everything is read: "in /etc/nginx/nginx.conf:12".
std::string place_of(ngx_conf_t *cf);

// A block (http, server, location, `if`, limit_except) as it was read. Of what isn't in it there is no place.
struct ReadBlock {
  LocationConfiguration *parent = nullptr;  // the block around it, once merged
  std::string place;                        // where it begins; not known of http
  std::string first_directive, first_place;
  std::string enforcement_place, sources_place, scopes_place, requirements_place, limits_place, costs_place,
      max_credential_place, mcp_place, metadata_place;
};

// A location (or server, or `if`) with what all of nginx's modules have of it.
struct MergedLocation {
  LocationConfiguration *location;
  const ServerConfiguration *server;
  void **loc_conf;
  const ngx_http_core_srv_conf_t *core_server = nullptr;
};

// What a directive names that is defined elsewhere.
struct Reference {
  std::string name, place;
};

// What limits that share their counts must agree in: one window can't be of two lengths.
struct SharedWindow {
  std::string name;  // of "plan": empty, or name=
  bool plan;
  CountBy by;
  std::uint32_t window_s;  // of "plan": 0
  WindowForm window;
  std::string place;
};

// From before the first directive until all is read, or the configuration is given up.
struct Reading {
  ReadBlock &block(const LocationConfiguration *location) { return blocks[location]; }
  const LocationConfiguration *parent_of(const LocationConfiguration *location) const;
  // Where the directive stands that holds in a block: in it, or around it.
  std::string inherited_place(const LocationConfiguration *location, std::string ReadBlock::*place) const;

  std::optional<DirectiveWatch> watch;  // from the first directive on
  KeyFiles key_files;
  // Mistakes that only matter where keyward is on, each with its place: errors then, else warnings (`keyward off;` in
  // an incident must never make a reload fail).
  std::vector<std::string> problems;
  std::map<const LocationConfiguration *, ReadBlock> blocks;
  std::vector<const LocationConfiguration *> touched;  // blocks with a directive of ours, in the order of these
  std::vector<MergedLocation> merged;                  // a parent comes before its children
  std::vector<Reference> plans, issuers, key_formats;  // of issuers "token" is all of them
  std::vector<SharedWindow> shared_windows;
  std::vector<std::string> limit_places;  // identities given so far, so that two equal places differ
};

// Of the configuration that is being read.
Reading &reading_of(ngx_conf_t *cf) noexcept;

}  // namespace keyward
