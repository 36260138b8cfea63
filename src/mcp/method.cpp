// The table of methods: schema.ts of the revisions 2024-11-05 to 2026-07-28, and the tasks extension.
#include "mcp/method.hpp"

#include <array>

namespace keyward::mcp {

namespace {

struct Row {
  std::string_view text;
  NameKind name = NameKind::none;
};

constexpr std::array<Row, kMethodCount> kMethods = {{
    {""},
    {"tools/call", NameKind::name},
    {"prompts/get", NameKind::name},
    {"resources/read", NameKind::uri},
    {"resources/subscribe", NameKind::uri},
    {"resources/unsubscribe", NameKind::uri},
    {"tasks/get", NameKind::task},
    {"tasks/result", NameKind::task},
    {"tasks/update", NameKind::task},
    {"tasks/cancel", NameKind::task},
    {"completion/complete"},
    {"subscriptions/listen"},
    {"server/discover"},
    {"initialize"},
    {"ping"},
    {"tools/list"},
    {"prompts/list"},
    {"resources/list"},
    {"resources/templates/list"},
    {"tasks/list"},
    {"logging/setLevel"},
    {"sampling/createMessage"},
    {"elicitation/create"},
    {"roots/list"},
    {"notifications/initialized"},
    {"notifications/cancelled"},
    {"notifications/progress"},
    {"notifications/message"},
    {"notifications/roots/list_changed"},
    {"notifications/tools/list_changed"},
    {"notifications/prompts/list_changed"},
    {"notifications/resources/list_changed"},
    {"notifications/resources/updated"},
    {"notifications/subscriptions/acknowledged"},
    {"notifications/elicitation/complete"},
    {"notifications/tasks"},
    {"notifications/tasks/status"},
}};

static_assert(kMethods[kMethodCount - 1].text == "notifications/tasks/status");

}  // namespace

Method method_of(std::string_view text) noexcept {
  for (std::size_t i = 1; i < kMethods.size(); ++i) {
    if (kMethods[i].text == text) {
      return static_cast<Method>(i);
    }
  }
  return Method::other;
}

std::string_view to_text(Method method) noexcept { return kMethods[static_cast<std::size_t>(method)].text; }

NameKind name_kind(Method method) noexcept { return kMethods[static_cast<std::size_t>(method)].name; }

}  // namespace keyward::mcp
