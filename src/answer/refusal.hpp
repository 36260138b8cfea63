// What a client is told of a refusal: a value, made once from the reason, in one of several formats.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/reason.hpp"
#include "decide/outcome.hpp"

namespace keyward {

// A row of the table of reasons, as keyward_message may have changed it.
struct RefusalText {
  std::uint16_t status;
  std::string code, message;
};
using RefusalTexts = std::array<RefusalText, kReasonCount>;

enum class ErrorFormat : std::uint8_t { automatic, json, problem, off };
enum class ErrorField : std::uint8_t { error, code, reason, status, required_scope, retry_after };

// keyward_errors
struct ErrorStyle {
  bool written = false;  // there or around it; else it is the default
  ErrorFormat format = ErrorFormat::automatic;
  // Which members a json body has, and under which names; empty: the usual ones.
  std::vector<std::pair<ErrorField, std::string>> fields;
};

// How refusals look at one place.
struct RefusalStyle {
  const RefusalTexts &answers;
  const ErrorStyle &errors;
  std::string_view realm;     // of challenges; empty: none
  bool offers_basic = false;  // Basic is a source here
};

inline const RefusalText &answer_to(const RefusalStyle &style, Reason reason) noexcept {
  return style.answers[static_cast<std::size_t>(reason)];
}

struct AnswerField {
  std::string_view name, lowcase;  // literals
  std::string value;
};

struct Refusal {
  std::uint16_t status = 0;
  std::vector<AnswerField> fields;  // they belong to this status
  std::string_view content_type;    // a literal; empty: the server's own page is the body
  std::string body;
};

// What the keys API says besides: a sentence, and the key that is in the way. In problem details, and in JSON of the usual
// members.
struct RefusalDetail {
  std::string_view text, id;
};

// Of an outcome that has a reason. accept: the request's Accept field, or several joined by commas; it chooses where
// the format is automatic. Throws std::bad_alloc.
Refusal make_refusal(const Outcome &outcome, const RefusalStyle &style, std::string_view accept,
                     const RefusalDetail &detail = {});

// Whether Accept (RFC 9110, section 12.5.1) names this type, with a weight other than 0. Wildcards don't name it.
bool names_type(std::string_view accept, std::string_view type) noexcept;

}  // namespace keyward
