// Keys and lists as people and programs read them. Nothing here shows a key, a hash or a verifier.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/rate.hpp"
#include "cli/output.hpp"
#include "json/json.hpp"
#include "store/record.hpp"

namespace keyward::cli {

std::string_view to_text(VerifierKind kind) noexcept;

// A JSON value; null for an empty text, a time of 0, an absent list.
void put_text(json::Writer &writer, std::string_view name, std::string_view text);
void put_time(json::Writer &writer, std::string_view name, std::int64_t time_s);
void put_scopes(json::Writer &writer, const OptionalList<std::string> &scopes);
void put_limits(json::Writer &writer, const OptionalList<Rate> &limits);

// For tables: "-" for what is absent, "(nothing)" for an empty list.
std::string text_of(std::string_view text);
std::string scopes_text(const OptionalList<std::string> &scopes);
std::string limits_text(const OptionalList<Rate> &limits);
// "2026-01-02T03:04:05Z", "-" for 0.
std::string time_text(std::int64_t time_s);
// How long ago.
std::string ago_text(std::int64_t time_s, std::int64_t now_s);

Cell state_cell(const KeyRecord &key, std::int64_t now_s);

}  // namespace keyward::cli
