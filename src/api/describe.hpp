// Keys, subjects and the journal's entries as answers show them.
#pragma once

#include <cstdint>
#include <string_view>

#include "api/shape.hpp"
#include "json/json.hpp"
#include "store/records/record.hpp"

namespace keyward::api {

// secret: of a key that was minted just now; else empty, and nothing of it is shown but its preview.
void write_key(json::Writer *out, const Shape &shape, const KeyRecord &key, const UsageRecord &usage,
               std::int64_t now_s, std::string_view secret = {});

// null for an empty text, or a time of 0.
void put_text(json::Writer *out, std::string_view name, std::string_view text);
void put_time(json::Writer *out, std::string_view name, std::int64_t time_s);
// null for no list.
void put_scopes(json::Writer *out, std::string_view name, const OptionalList<std::string> &scopes);
void put_rates(json::Writer *out, std::string_view name, const OptionalList<Rate> &rates);

}  // namespace keyward::api
