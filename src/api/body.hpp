// The bodies of requests: JSON objects whose members are known, each once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/shape.hpp"
#include "json/json.hpp"
#include "store/records/record.hpp"

namespace keyward::api {

inline constexpr std::size_t kMaxBody = 16 * 1024;

// What is asked of a key; what isn't named isn't there. null takes away: a plan is empty then, a list not present, a time 0.
struct Asked {
  std::optional<std::string> name, subject, plan, pkce_challenge, code_verifier;
  std::optional<OptionalList<std::string>> scopes;
  std::optional<OptionalList<Rate>> limits;
  std::optional<std::string> allow_from, meta;  // packed; JSON
  std::optional<std::uint32_t> concurrency;     // 0: its plan's
  std::optional<std::int64_t> expires_at_s, overlap_s;
  std::optional<VerifierChoice> verifier;
};

// "application/json", with parameters or without.
bool is_json_type(std::string_view content_type) noexcept;

// An object, or nothing at all, which is an empty one. false with a sentence that names the member.
bool read_object(std::string_view body, json::Value *object, std::string *error);

// The members of it that `known` has, under the location's names; others are refused.
bool read_asked(const json::Value &object, const Names &names, Members known, std::int64_t now_s, Asked *asked,
                std::string *error);

// Lists, whoever has them.
bool read_scopes(const json::Value &value, OptionalList<std::string> *scopes, std::string *error);

}  // namespace keyward::api
